using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.ServiceDefaults.Hosting;
using StackExchange.Redis;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>
/// The memory tier over loopback gRPC, checked end to end, beside <c>redis-server</c> and a bare socket, in turn and on the same cores.
/// </summary>
internal sealed class MemoryBenchmark(MemoryBenchmarkOptions options, IProgress<string> progress)
{
    private const int WarmRoundCount = 3;

    private readonly BlockFactory _factory = new(options.SlabCount, options.SlabSizeBytes);
    private long _nextNumber;

    public async Task<MemoryBenchmarkResult> RunAsync(CancellationToken cancellationToken)
    {
        await using WebApplication host = KvStoreHost.Create(new KvStoreOptions
        {
            ListenAddress = "http://127.0.0.1:0",
            MemoryBudgetBytes = 2L * options.BlockCount * _factory.BlockSizeBytes,
        });
        await ServiceHost.StartAsync(host, cancellationToken);
        using var store = new StoreClient(host.Urls.First(), usesStreams: true);
        using var grpc = new StoreClient(host.Urls.First(), usesStreams: false);
        using RedisPeer? redis = await RedisPeer.StartAsync(TimeProvider.System, cancellationToken);
        using SocketPeer socket = await SocketPeer.ConnectAsync(cancellationToken);
        var rounds = new List<double[]>();
        for (int round = 0; round < WarmRoundCount + options.RoundCount; round++)
        {
            progress.Report($"memory, round {round + 1} of {WarmRoundCount + options.RoundCount}");
            double[] rates = [.. await MeasureRoundAsync(store, redis, socket, cancellationToken), .. await MeasureStoreAsync(grpc, cancellationToken)];

            // The first ones compile, connect and fill the store: a full one is the usual case.
            if (round >= WarmRoundCount)
            {
                rounds.Add(rates);
            }
        }

        progress.Report("memory, gets under load");
        double[] latencies = await MeasureLatencyAsync(store, cancellationToken);
        double[] medians = [.. Enumerable.Range(0, 7).Select(i => rounds.Select(rates => rates[i]).Order().ElementAt(rounds.Count / 2))];
        await host.StopAsync(cancellationToken);
        return new MemoryBenchmarkResult(
            medians[0], medians[1], medians[2], medians[3], medians[4], medians[5], medians[6], latencies[latencies.Length / 2], latencies[latencies.Length * 99 / 100]);
    }

    private async Task<double[]> MeasureRoundAsync(StoreClient store, RedisPeer? redis, SocketPeer socket, CancellationToken cancellationToken)
    {
        double[] rates = await MeasureStoreAsync(store, cancellationToken);
        var values = new KeyValuePair<RedisKey, RedisValue>[options.BlockCount];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = new($"block-{i}", new byte[_factory.BlockSizeBytes]);
        }

        double copy = await TimeAsync(() => socket.CopyAsync(Array.ConvertAll(values, static value => new ReadOnlyMemory<byte>((byte[]?)value.Value)), cancellationToken));
        if (redis is null)
        {
            return [.. rates, double.NaN, double.NaN, copy];
        }

        RedisKey[] keys = Array.ConvertAll(values, static value => value.Key);
        double set = await TimeAsync(() => InCallsAsync(values, redis.SetAsync));
        double fetch = await TimeAsync(() => InCallsAsync(keys, part => redis.GetAsync(part, _factory.BlockSizeBytes)));
        await redis.DeleteAsync(keys);
        return [.. rates, set, fetch, copy];
    }

    private async Task<double[]> MeasureStoreAsync(StoreClient store, CancellationToken cancellationToken)
    {
        StoreBlock[] blocks = [.. Enumerable.Range(0, options.BlockCount).Select(_ => _factory.Create(_nextNumber++))];
        BlockId[] ids = [.. blocks.Select(block => block.Id)];
        double put = await TimeAsync(() => InCallsAsync(blocks, part => store.PutAsync(part, cancellationToken)));
        double get = await TimeAsync(() => InCallsAsync(ids, part => store.GetAsync(part, cancellationToken)));
        Array.ForEach(blocks, static block => block.Dispose());
        return [put, get];
    }

    /// <summary>One reader's gets, one after the other, while as many others read and write as fast as they can.</summary>
    private async Task<double[]> MeasureLatencyAsync(StoreClient store, CancellationToken cancellationToken)
    {
        var small = new BlockFactory(options.LatencySlabCount, options.SlabSizeBytes);
        StoreBlock[] blocks = [.. Enumerable.Range(0, 64).Select(_ => small.Create(_nextNumber++))];
        await store.PutAsync(blocks, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] load = [.. Enumerable.Range(0, options.CallCount).Select(i => LoadAsync(store, small, isWriter: i % 2 == 0, blocks, stop.Token))];
        var latencies = new double[options.LatencyGetCount];
        for (int i = 0; i < latencies.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await store.GetAsync([blocks[i % blocks.Length].Id], cancellationToken);
            latencies[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Array.ForEach(blocks, static block => block.Dispose());
        return [.. latencies.Order()];
    }

    private async Task LoadAsync(StoreClient store, BlockFactory small, bool isWriter, StoreBlock[] blocks, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (!isWriter)
            {
                await store.GetAsync([.. blocks.Take(options.CallBlockCount).Select(block => block.Id)], CancellationToken.None);
                continue;
            }

            StoreBlock[] fresh = [.. Enumerable.Range(0, options.CallBlockCount).Select(_ => small.Create(Interlocked.Increment(ref _nextNumber)))];
            await store.PutAsync(fresh, CancellationToken.None);
            await store.DropAsync(fresh.Select(block => block.Id), CancellationToken.None);
            Array.ForEach(fresh, static block => block.Dispose());
        }
    }

    private async Task InCallsAsync<T>(IReadOnlyList<T> items, Func<IReadOnlyList<T>, Task> call)
    {
        var parts = new Queue<T[]>(items.Chunk(options.CallBlockCount));
        await Task.WhenAll(Enumerable.Range(0, options.CallCount).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                T[]? part;
                lock (parts)
                {
                    if (!parts.TryDequeue(out part))
                    {
                        return;
                    }
                }

                await call(part);
            }
        })));
    }

    private async Task<double> TimeAsync(Func<Task> action)
    {
        long start = Stopwatch.GetTimestamp();
        await action();
        return (double)options.BlockCount * _factory.BlockSizeBytes / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
