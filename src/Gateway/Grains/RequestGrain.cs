using System.Runtime.CompilerServices;
using System.Threading.Channels;
using KvCluster.Gateway.Admission;

namespace KvCluster.Gateway.Grains;

/// <summary>The turns of a <see cref="RequestRun"/>; gone when the request is.</summary>
internal sealed class RequestGrain(RequestServices services) : Grain, IRequestGrain
{
    private bool _isRunning;

    public async IAsyncEnumerable<GenerateUpdate> Generate(
        GenerateCommand command, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (_isRunning)
        {
            RequestError error = RequestError.Invalid("request_id", $"'{command.RequestId}' is in use by a request that runs now");
            yield return new GenerateUpdate { Finish = GenerateFinish.Failed, Error = error };
            yield break;
        }

        _isRunning = true;
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<GenerateUpdate> output = Channel.CreateUnbounded<GenerateUpdate>(new UnboundedChannelOptions { SingleReader = true });
        Task run = new RequestRun(services, command, output.Writer).RunAsync(cancellation.Token);
        try
        {
            await foreach (GenerateUpdate update in output.Reader.ReadAllAsync(cancellationToken))
            {
                yield return update;
            }
        }
        finally
        {
            await cancellation.CancelAsync();
            await run;
            _isRunning = false;
            DeactivateOnIdle();
        }
    }
}
