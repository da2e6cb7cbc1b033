using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>
/// How long a prompt's KV takes from prefill to decode over a link of given speed, through the whole cluster: layer by layer as the cluster does it, through the
/// store or straight, and the whole cache after prefill as others do.
/// </summary>
internal sealed class HandoverBenchmark(HandoverBenchOptions options, IProgress<string> progress)
{
    private const int QuestionTokenCount = 16;
    private const int MostWarmRounds = 50;
    private readonly RandomPrompts _prompts = new(1);

    /// <param name="kvSpec">The codec.</param>
    /// <param name="handOff">The way, or that the Gateway is to find the faster one.</param>
    /// <param name="wholeAfterPrefill">Nothing passes the link before the prompt is done.</param>
    /// <param name="roundCount">Prompts that are measured.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<HandoverTiming> MeasureAsync(string kvSpec, HandOffMode handOff, bool wholeAfterPrefill, int roundCount, CancellationToken cancellationToken)
    {
        await using LinkedCluster linked = await LinkedCluster.StartAsync(Cluster(kvSpec) with { HandOff = handOff }, options.BitsPerSecond, cancellationToken);
        Connection connection = linked.Connection;
        ShapedLink[] links = [.. linked.UsedLinks];
        await WarmAsync(connection, links, cancellationToken);
        var timings = new List<HandoverTiming>();
        for (int round = 1; round <= roundCount; round++)
        {
            progress.Report($"{kvSpec}, {handOff}{(wholeAfterPrefill ? ", whole cache after prefill" : "")}, {round} of {roundCount}");
            timings.Add(await HandoverRequest.AskAsync(connection, _prompts.Next(options.PromptTokenCount), links, wholeAfterPrefill ? linked.StoreLink : null, cancellationToken));
        }

        return HandoverTiming.Median(timings) with { DirectCount = timings.Sum(timing => timing.DirectCount) };
    }

    /// <summary>Time to first token of a prompt that nobody knows, and of one whose beginning is cached, without any link between.</summary>
    public async Task<(double ColdMs, double WarmMs)> MeasureWarmAsync(CancellationToken cancellationToken)
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(Cluster(options.KvSpec), cancellationToken);
        await using Connection connection = await Connection.OpenAsync(cluster.GrpcAddress, Cluster(options.KvSpec), cancellationToken);
        var cold = new List<HandoverTiming>();
        var warm = new List<HandoverTiming>();
        for (int round = 0; round <= options.RoundCount; round++)
        {
            progress.Report($"{options.KvSpec}, warm prefix, {round} of {options.RoundCount}");
            int[] prefix = _prompts.Next(options.PromptTokenCount);
            HandoverTiming first = await HandoverRequest.AskAsync(connection, [.. prefix, .. _prompts.Next(QuestionTokenCount)], [], null, cancellationToken);
            HandoverTiming second = await HandoverRequest.AskAsync(connection, [.. prefix, .. _prompts.Next(QuestionTokenCount)], [], null, cancellationToken);
            if (round > 0)
            {
                cold.Add(first);
                warm.Add(second);
            }
        }

        return (HandoverTiming.Median(cold).FirstTokenMs, HandoverTiming.Median(warm).FirstTokenMs);
    }

    /// <summary>Compiles, and opens the connections through the links: until they are there, calls go around them over gRPC.</summary>
    private async Task WarmAsync(Connection connection, ShapedLink[] links, CancellationToken cancellationToken)
    {
        long last = 0;
        for (int i = 0; i < MostWarmRounds; i++)
        {
            HandoverTiming timing = await HandoverRequest.AskAsync(connection, _prompts.Next(options.PromptTokenCount / 4), links, null, cancellationToken);
            if (i > 1 && links.All(link => link.ByteCount > 0) && Math.Abs(timing.LinkBytes - last) < timing.LinkBytes / 20)
            {
                return;
            }

            last = timing.LinkBytes;
        }

        throw new InvalidOperationException("the workers do not find the way over the link");
    }

    private ClusterOptions Cluster(string kvSpec) => new() { ModelFolder = options.ModelFolder, KvSpec = kvSpec };
}
