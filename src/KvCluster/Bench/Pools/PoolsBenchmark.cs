using KvCluster.CommandLine.Bench.Handover;
using KvCluster.CommandLine.Serve;

namespace KvCluster.CommandLine.Bench.Pools;

/// <summary>Prefill and decode on GPUs of their own, over links of given speeds, beside one GPU that does both under the same load.</summary>
internal sealed class PoolsBenchmark(PoolsBenchOptions options, IProgress<string> progress)
{
    private const int WarmRounds = 4;
    private readonly RandomPrompts _prompts = new(1);

    public async Task<IReadOnlyList<PoolsRow>> MeasureAsync(string kvSpec, CancellationToken cancellationToken)
    {
        var rows = new List<PoolsRow>();
        ClusterOptions cluster = options.Cluster with { KvSpec = kvSpec };
        progress.Report($"{kvSpec}: both pools on one GPU");
        await using (LinkedCluster one = await LinkedCluster.StartAsync(cluster, double.PositiveInfinity, cancellationToken))
        {
            await WarmAsync(one, cancellationToken);
            rows.Add(await MeasureAsync(kvSpec, null, one, cancellationToken));
        }

        await using LinkedCluster two = await LinkedCluster.StartAsync(cluster with { Devices = options.Devices }, double.PositiveInfinity, cancellationToken);
        await WarmAsync(two, cancellationToken);
        foreach (double speed in options.BitsPerSecond)
        {
            progress.Report($"{kvSpec}: two GPUs, links of {speed / 1e9:0.##} Gb/s");
            two.SetSpeed(speed);
            rows.Add(await MeasureAsync(kvSpec, speed, two, cancellationToken));
        }

        return rows;
    }

    private async Task WarmAsync(LinkedCluster cluster, CancellationToken cancellationToken)
    {
        for (int i = 0; i < WarmRounds; i++)
        {
            await HandoverRequest.AskAsync(cluster.Connection, _prompts.Next(options.PromptTokenCount), cluster.UsedLinks, null, cancellationToken);
        }

        await LoadOf(cluster).RunAsync(options.ClientCount, options.ClientCount, cancellationToken);
    }

    private async Task<PoolsRow> MeasureAsync(string kvSpec, double? bitsPerSecond, LinkedCluster cluster, CancellationToken cancellationToken)
    {
        var alone = new List<HandoverTiming>();
        for (int round = 0; round < options.RoundCount; round++)
        {
            alone.Add(await HandoverRequest.AskAsync(cluster.Connection, _prompts.Next(options.PromptTokenCount), cluster.UsedLinks, null, cancellationToken));
        }

        LoadResult load = await LoadOf(cluster).RunAsync(options.ClientCount, options.RequestCount, cancellationToken);
        var row = new PoolsRow(kvSpec, bitsPerSecond, HandoverTiming.Median(alone), load);
        progress.Report(
            $"{kvSpec}: TTFT {row.Alone.FirstTokenMs:0.0} ms, hand-over {row.Alone.HandoverMs:0.0} ms; under load {load.GeneratedTokensPerSecond:N0} tokens/s, {load.FailedCount} failed");
        return row;
    }

    private LoadGenerator LoadOf(LinkedCluster cluster) => new(
        cluster.Connection.Inference, () => RandomPrompts.Request(_prompts.Next(options.PromptTokenCount), options.AnswerTokenCount));
}
