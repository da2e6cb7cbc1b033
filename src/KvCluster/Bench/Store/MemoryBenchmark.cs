using System.Diagnostics;
using KvCluster.Compression.Blocks;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>
/// The memory tier within a machine, in a process of its own and checked end to end, beside <c>redis-server</c> and bare sockets, over a Unix socket and TCP, in turn and on
/// the same cores.
/// </summary>
internal sealed class MemoryBenchmark(MemoryBenchmarkOptions options, IProgress<string> progress)
{
    private const int WarmRoundCount = 8;

    private readonly BlockFactory _factory = new(options.SlabCount, options.SlabSizeBytes);
    private long _nextNumber;

    public async Task<MemoryBenchmarkResult> RunAsync(CancellationToken cancellationToken)
    {
        using ShardProcess shard = await ShardProcess.StartAsync(2L * options.BlockCount * _factory.BlockSizeBytes, cancellationToken);

        // As a worker's pool keeps what its KV budget lets it hold.
        SlabPool.Shared.MaxRetainedBytes = Math.Max(SlabPool.Shared.MaxRetainedBytes, (long)options.BlockCount * _factory.BlockSizeBytes);
        using var local = new StoreClient(shard.Address, usesStreams: true);
        using var store = new StoreClient(shard.Address, usesStreams: true, usesLocalSockets: false);
        using var grpc = new StoreClient(shard.Address, usesStreams: false);
        using RedisPeer? redis = await RedisPeer.StartAsync(TimeProvider.System, cancellationToken);
        using LocalRedisPeer? localRedis = await LocalRedisPeer.StartAsync(TimeProvider.System, cancellationToken);
        using SocketPeer socket = await SocketPeer.ConnectAsync(isLocal: false, cancellationToken);
        using SocketPeer localSocket = await SocketPeer.ConnectAsync(isLocal: true, cancellationToken);
        (string Name, Func<Task<(double, double)>> MeasureAsync)[] subjects =
        [
            ("slab streams, Unix socket", () => MeasureStoreAsync(local, cancellationToken)),
            ("slab streams, TCP", () => MeasureStoreAsync(store, cancellationToken)),
            ("gRPC", () => MeasureStoreAsync(grpc, cancellationToken)),
            (TransferRate.RedisOverTcp, () => MeasureRedisAsync(redis is null ? null : redis.SetAsync, redis is null ? null : redis.GetAsync)),
            (TransferRate.RedisOverUnix, () => MeasureRedisAsync(localRedis is null ? null : localRedis.SetAsync, localRedis is null ? null : localRedis.GetAsync)),
            (TransferRate.BareTcp, () => MeasureSocketAsync(socket, cancellationToken)),
            (TransferRate.BareUnix, () => MeasureSocketAsync(localSocket, cancellationToken)),
        ];
        var rounds = new List<(double Put, double Get)[]>();
        for (int round = 0; round < WarmRoundCount + options.RoundCount; round++)
        {
            progress.Report($"memory, round {round + 1} of {WarmRoundCount + options.RoundCount}");
            var rates = new (double, double)[subjects.Length];
            for (int i = 0; i < subjects.Length; i++)
            {
                rates[i] = await subjects[i].MeasureAsync();
            }

            // The first ones compile (which takes a core for ten seconds), connect and fill the store: a full one is the usual case.
            if (round >= WarmRoundCount)
            {
                rounds.Add(rates);
            }
        }

        progress.Report("memory, gets under load");
        GetLatency[] latencies =
        [
            await MeasureLatencyAsync(subjects[0].Name, local, cancellationToken),
            await MeasureLatencyAsync(subjects[1].Name, store, cancellationToken),
        ];
        return new MemoryBenchmarkResult(
            [.. subjects.Select((subject, i) => new TransferRate(subject.Name, Median(rounds.Select(rates => rates[i].Put)), Median(rounds.Select(rates => rates[i].Get))))],
            latencies);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }

    private async Task<(double Put, double Get)> MeasureRedisAsync(Func<IReadOnlyList<KeyValuePair<string, byte[]>>, Task>? set, Func<IReadOnlyList<string>, int, Task>? get)
    {
        if (set is null || get is null)
        {
            return (double.NaN, double.NaN);
        }

        KeyValuePair<string, byte[]>[] values = [.. Enumerable.Range(0, options.BlockCount).Select(i => KeyValuePair.Create($"block-{i}", _factory.CreatePlain()))];
        double put = await TimeAsync(() => InCallsAsync(values, set));
        return (put, await TimeAsync(() => InCallsAsync(Array.ConvertAll(values, static value => value.Key), part => get(part, _factory.BlockSizeBytes))));
    }

    /// <summary>The same both ways.</summary>
    private async Task<(double Put, double Get)> MeasureSocketAsync(SocketPeer socket, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte>[] blocks = [.. Enumerable.Range(0, options.BlockCount).Select(_ => _factory.CreatePlain())];
        double rate = await TimeAsync(() => socket.CopyAsync(blocks, cancellationToken));
        return (rate, rate);
    }

    private async Task<(double Put, double Get)> MeasureStoreAsync(StoreClient store, CancellationToken cancellationToken)
    {
        StoreBlock[] blocks = [.. Enumerable.Range(0, options.BlockCount).Select(_ => _factory.Create(_nextNumber++))];
        BlockId[] ids = [.. blocks.Select(block => block.Id)];
        double put = await TimeAsync(() => InCallsAsync(blocks, part => store.PutAsync(part, cancellationToken)));
        double get = await TimeAsync(() => InCallsAsync(ids, part => store.GetAsync(part, cancellationToken)));
        Array.ForEach(blocks, static block => block.Dispose());
        return (put, get);
    }

    /// <summary>One reader's gets, one after the other, while as many others read and write as fast as they can.</summary>
    private async Task<GetLatency> MeasureLatencyAsync(string name, StoreClient store, CancellationToken cancellationToken)
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
        Array.Sort(latencies);
        return new GetLatency(name, latencies[latencies.Length / 2], latencies[latencies.Length * 99 / 100]);
    }

    /// <summary>Reads, or puts and drops the same blocks, until it is enough: making blocks would take more of the cores than putting them.</summary>
    private async Task LoadAsync(StoreClient store, BlockFactory small, bool isWriter, StoreBlock[] blocks, CancellationToken stop)
    {
        StoreBlock[] own = isWriter ? [.. Enumerable.Range(0, options.CallBlockCount).Select(_ => small.Create(Interlocked.Increment(ref _nextNumber)))] : [];
        while (!stop.IsCancellationRequested)
        {
            if (isWriter)
            {
                await store.PutAsync(own, CancellationToken.None);
                await store.DropAsync(own.Select(block => block.Id), CancellationToken.None);
            }
            else
            {
                await store.GetAsync([.. blocks.Take(options.CallBlockCount).Select(block => block.Id)], CancellationToken.None);
            }
        }

        Array.ForEach(own, static block => block.Dispose());
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
