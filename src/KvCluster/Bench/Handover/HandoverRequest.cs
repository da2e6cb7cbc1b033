using System.Diagnostics;
using Grpc.Core;
using KvCluster.CommandLine.Serve;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One prompt, asked for as many tokens as show when the hand-over was done.</summary>
internal static class HandoverRequest
{
    private const int TokenCount = 3;

    /// <param name="connection">To the cluster.</param>
    /// <param name="prompt">Token ids.</param>
    /// <param name="links">Of which the bytes are counted.</param>
    /// <param name="held">Lets nothing through until the first token is there. Null: none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<HandoverTiming> AskAsync(
        Connection connection, int[] prompt, IReadOnlyList<ShapedLink> links, ShapedLink? held, CancellationToken cancellationToken)
    {
        long before = links.Sum(link => link.ByteCount);
        V1.GenerateRequest request = RandomPrompts.Request(prompt, TokenCount);
        held?.Hold();
        try
        {
            var at = new List<TimeSpan>();
            V1.Usage? usage = null;
            var clock = Stopwatch.StartNew();
            using AsyncServerStreamingCall<V1.GenerateReply> call = connection.Inference.Generate(request, cancellationToken: cancellationToken);
            await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                if (reply.TokenIds.Count > 0)
                {
                    at.Add(clock.Elapsed);
                    held?.Release();
                }

                usage = reply.Usage ?? usage;
            }

            return new HandoverTiming(
                at[0].TotalMilliseconds, (at[1] - at[0]).TotalMilliseconds, links.Sum(link => link.ByteCount) - before, usage?.KvBytesDirect > 0 ? 1 : 0);
        }
        finally
        {
            held?.Release();
        }
    }
}
