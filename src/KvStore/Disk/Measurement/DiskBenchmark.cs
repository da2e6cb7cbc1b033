using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Tiers;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.KvStore.Disk.Measurement;

/// <summary>The disk tier beside a plain file of the same sizes on the same file system, in one run.</summary>
public sealed class DiskBenchmark
{
    private const int SmallLayerCount = 2;
    private const int SmallSlabBytes = 512;

    private readonly DiskBenchmarkOptions _options;
    private readonly IProgress<string> _progress;
    private readonly string _folder;
    private readonly SlabPool _pool = new(maxRetainedBytes: 1L << 30);
    private readonly int[] _order;

    private DiskBenchmark(DiskBenchmarkOptions options, IProgress<string> progress)
    {
        _options = options;
        _progress = progress;
        _folder = Path.Combine(options.Folder, $"kvcluster-bench-{Environment.ProcessId}");
        _order = [.. Enumerable.Range(0, options.BlockCount)];
        new Random(1).Shuffle(_order);
    }

    private long BlockBytes => (long)_options.LayerCount * _options.SlabSizeBytes;

    public static async Task<DiskBenchmarkResult> RunAsync(DiskBenchmarkOptions options, IProgress<string> progress)
    {
        var benchmark = new DiskBenchmark(options, progress);
        try
        {
            return await benchmark.RunAsync();
        }
        finally
        {
            Directory.Delete(benchmark._folder, recursive: true);
        }
    }

    private async Task<DiskBenchmarkResult> RunAsync()
    {
        Directory.CreateDirectory(_folder);
        var rounds = new List<double[]>();
        ColdBlock[] blocks = [.. Enumerable.Range(0, _options.BlockCount).Select(number => Block(number, _options.LayerCount, _options.SlabSizeBytes))];
        for (int round = 0; round < _options.RoundCount; round++)
        {
            _progress.Report($"round {round + 1} of {_options.RoundCount}: {_options.BlockCount} blocks of {BlockBytes >> 10} KiB");
            double[] tier = round % 2 == 0 ? await MeasureTierAsync(blocks) : [];
            double[] file = MeasureFile(blocks);
            tier = round % 2 == 0 ? tier : await MeasureTierAsync(blocks);
            var fio = new FioJob(_folder, BlockBytes, _options.BlockCount);
            double[] fioRates = [await fio.WriteAsync(), await fio.ReadAsync()];
            fio.DeleteFile();
            rounds.Add([tier[0], file[0], tier[1], file[1], tier[2], file[2], .. fioRates]);
        }

        Array.ForEach(blocks, block => block.Dispose());
        double[] medians = [.. Enumerable.Range(0, 8).Select(i => rounds.Select(round => round[i]).Order().ElementAt(rounds.Count / 2))];
        (TimeSpan restart, TimeSpan scan) = await MeasureRestartAsync();
        return new DiskBenchmarkResult(
            medians[0], medians[1], medians[2], medians[3], medians[4], medians[5], medians[6], medians[7], restart, scan, _options.RestartBlockCount);
    }

    private double[] MeasureFile(ColdBlock[] blocks)
    {
        string path = Path.Combine(_folder, "plain");
        using var file = new DiskFile(path, FileMode.CreateNew);
        double write = Time(() =>
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                file.Write([.. blocks[i].Slabs.Select(slab => (ReadOnlyMemory<byte>)slab.Memory)], i * BlockBytes);
            }

            file.Flush();
        });
        PageCache.Drop(path);
        double cold = Time(ReadAll);
        double cached = Time(ReadAll);
        File.Delete(path);
        return [write, cold, cached];

        void ReadAll()
        {
            foreach (int i in _order)
            {
                SlabLease[] slabs = [.. Enumerable.Range(0, _options.LayerCount).Select(_ => _pool.Rent(_options.SlabSizeBytes))];
                file.Read(Array.ConvertAll(slabs, slab => slab.Memory), i * BlockBytes);
                Array.ForEach(slabs, slab => slab.Dispose());
            }
        }
    }

    private async Task<double[]> MeasureTierAsync(ColdBlock[] blocks)
    {
        string path = Path.Combine(_folder, "tier");
        await using (DiskTier tier = Open(path))
        {
            long start = Stopwatch.GetTimestamp();
            foreach (ColdBlock block in blocks)
            {
                await tier.WaitForRoomAsync(default);
                tier.TryWrite(block.Share());
            }

            await tier.FlushAsync(default);
            double put = Rate(start);
            foreach (string file in Directory.GetFiles(path, "*.kvs"))
            {
                PageCache.Drop(file);
            }

            double cold = await ReadAllAsync(tier);
            double cached = await ReadAllAsync(tier);
            await tier.DisposeAsync();
            Directory.Delete(path, recursive: true);
            return [put, cold, cached];
        }
    }

    private async Task<double> ReadAllAsync(DiskTier tier)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (int i in _order)
        {
            ColdRead read = await tier.ReadAsync(Id(i));
            using ColdBlock block = read.Block ?? throw new InvalidOperationException($"block {i} is not there");
        }

        return Rate(start);
    }

    private async Task<(TimeSpan Sealed, TimeSpan Scanned)> MeasureRestartAsync()
    {
        _progress.Report($"restart with {_options.RestartBlockCount:N0} small blocks");
        string path = Path.Combine(_folder, "restart");
        await using (DiskTier tier = Open(path))
        {
            for (int i = 0; i < _options.RestartBlockCount; i++)
            {
                await tier.WaitForRoomAsync(default);
                tier.TryWrite(Block(i, SmallLayerCount, SmallSlabBytes));
            }

            await tier.FlushAsync(default);
        }

        TimeSpan withFooters = await MeasureOpenAsync(path);
        foreach (string file in Directory.GetFiles(path, "*.kvs"))
        {
            using var segment = new DiskFile(file, FileMode.Open);
            segment.Truncate(SegmentFooter.TryRead(segment)!.EndOffset);
        }

        return (withFooters, await MeasureOpenAsync(path));
    }

    private async Task<TimeSpan> MeasureOpenAsync(string path)
    {
        foreach (string file in Directory.GetFiles(path, "*.kvs"))
        {
            PageCache.Drop(file);
        }

        long start = Stopwatch.GetTimestamp();
        await using DiskTier tier = Open(path);
        using ColdBlock? block = (await tier.ReadAsync(Id(_options.RestartBlockCount / 2))).Block;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        return block is not null && tier.Stat().BlockCount == _options.RestartBlockCount
            ? elapsed
            : throw new InvalidOperationException($"{tier.Stat().BlockCount} of {_options.RestartBlockCount} blocks are there");
    }

    private DiskTier Open(string path) =>
        DiskTier.Open(DataFolder.Acquire(path), new DiskTierOptions { BudgetBytes = 64L << 30 }, TimeProvider.System, NullLogger.Instance, _pool);

    private ColdBlock Block(int number, int layerCount, int slabSizeBytes)
    {
        var slabs = new SlabLease[layerCount];
        SlabHeader header = default!;
        for (int layer = 0; layer < layerCount; layer++)
        {
            header = new SlabHeader
            {
                Layout = SlabLayout.Rows,
                ModelFingerprint = 1,
                CodecFingerprint = 2,
                BlockId = Id(number),
                Layer = layer,
                FirstPosition = 0,
                TokenCount = KvGeometry.BlockTokenCount,
                KvHeadCount = 1,
                HeadSize = 16,
                WriterEpoch = 1,
                PayloadSizeBytes = slabSizeBytes - Slab.HeaderSizeBytes,
            };
            slabs[layer] = _pool.Rent(slabSizeBytes);
            new Random((number * 4096) + layer).NextBytes(slabs[layer].Span[Slab.HeaderSizeBytes..]);
            Slab.Write(slabs[layer].Span, header);
        }

        return new ColdBlock(Id(number), BlockIdentity.Of(header, layerCount), slabs);
    }

    private static BlockId Id(int number) => new((UInt128)(uint)number * 0x9E3779B97F4A7C15UL + 1);

    private double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Rate(start);
    }

    private double Rate(long start) => _options.BlockCount * BlockBytes / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds;
}
