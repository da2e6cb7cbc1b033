using System.Runtime.CompilerServices;
using System.Threading.Channels;
using KvCluster.Gateway.Generation;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Runs the choices of one HTTP request at once and merges their replies.</summary>
internal static class ChoiceRunner
{
    /// <summary>The first failure ends the others and is thrown.</summary>
    public static async IAsyncEnumerable<ChoiceReply> RunAsync(
        GenerationService generation, IReadOnlyList<GenerateRequest> requests, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var replies = Channel.CreateUnbounded<ChoiceReply>(new UnboundedChannelOptions { SingleReader = true });
        int runningCount = requests.Count;

        async Task PumpAsync(int index)
        {
            try
            {
                await foreach (GenerateReply reply in generation.GenerateAsync(requests[index], cancellation.Token))
                {
                    replies.Writer.TryWrite(new ChoiceReply(index, reply));
                }

                if (Interlocked.Decrement(ref runningCount) == 0)
                {
                    replies.Writer.TryComplete();
                }
            }
            catch (Exception e)
            {
                replies.Writer.TryComplete(e);
            }
        }

        Task pumps = Task.WhenAll(Enumerable.Range(0, requests.Count).Select(PumpAsync));
        try
        {
            await foreach (ChoiceReply reply in replies.Reader.ReadAllAsync(cancellationToken))
            {
                yield return reply;
            }
        }
        finally
        {
            await cancellation.CancelAsync();
            await pumps;
        }
    }
}
