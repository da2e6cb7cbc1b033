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
        rows.Add(await MeasureAsync(cluster, null, null, cancellationToken));
        cluster = cluster with { Devices = options.Devices };
        rows.Add(await MeasureAsync(cluster, null, null, cancellationToken));
        if (options.BitsPerSecond.Count == 0)
        {
            return rows;
        }

        await using LinkedCluster linked = await StartAsync(cluster, options.BitsPerSecond[0], cancellationToken);
        foreach (double speed in options.BitsPerSecond)
        {
            linked.SetSpeed(speed);
            rows.Add(await MeasureAsync(cluster, speed, linked, cancellationToken));
        }

        return rows;
    }

    /// <summary>Starts a cluster and lets it compile and connect.</summary>
    private async Task<LinkedCluster> StartAsync(ClusterOptions cluster, double bitsPerSecond, CancellationToken cancellationToken)
    {
        LinkedCluster started = await LinkedCluster.StartAsync(cluster, bitsPerSecond, cancellationToken);
        try
        {
            for (int i = 0; i < WarmRounds; i++)
            {
                await AskAsync(started, cancellationToken);
            }

            await LoadOf(started).RunAsync(options.ClientCount, options.ClientCount, cancellationToken);
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <param name="cluster">How it is made.</param>
    /// <param name="bitsPerSecond">Of its links. Null: it has none.</param>
    /// <param name="running">Null: one is started for this.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<PoolsRow> MeasureAsync(ClusterOptions cluster, double? bitsPerSecond, LinkedCluster? running, CancellationToken cancellationToken)
    {
        string pools = PoolsRow.Describe(cluster.Devices.Count == 0, bitsPerSecond);
        progress.Report($"{cluster.KvSpec}: {pools}");
        await using LinkedCluster? own = running is null ? await StartAsync(cluster, double.PositiveInfinity, cancellationToken) : null;
        LinkedCluster measured = running ?? own!;
        var alone = new List<HandoverTiming>();
        for (int round = 0; round < options.RoundCount; round++)
        {
            alone.Add(await AskAsync(measured, cancellationToken));
        }

        LoadResult load = await LoadOf(measured).RunAsync(options.ClientCount, options.RequestCount, cancellationToken);
        var row = new PoolsRow(cluster.KvSpec, pools, HandoverTiming.Median(alone), load);
        progress.Report(
            $"{cluster.KvSpec}: {pools}: TTFT {row.Alone.FirstTokenMs:0.0} ms, hand-over {row.Alone.HandoverMs:0.0} ms; under load {load.GeneratedTokensPerSecond:N0} tokens/s, {load.FailedCount} failed");
        return row;
    }

    private Task<HandoverTiming> AskAsync(LinkedCluster cluster, CancellationToken cancellationToken) =>
        HandoverRequest.AskAsync(cluster.Connection, _prompts.Next(options.PromptTokenCount), cluster.UsedLinks, null, cancellationToken);

    private LoadGenerator LoadOf(LinkedCluster cluster) => new(
        cluster.Connection.Inference, () => RandomPrompts.Request(_prompts.Next(options.PromptTokenCount), options.AnswerTokenCount, options.Temperature));
}
