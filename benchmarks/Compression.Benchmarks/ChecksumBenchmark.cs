using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Benchmarks;

internal static class ChecksumBenchmark
{
    public static void Run()
    {
        foreach (int size in new[] { 128, 4096, 34560, 131072 })
        {
            byte[] data = new byte[size];
            new Random(1).NextBytes(data);
            uint sum = 0;
            double time = Stopclock.Measure(() => sum ^= Crc32C.Compute(data));
            Stopclock.Print($"CRC-32C, {size} bytes", time, size, "GB/s");
        }
    }
}
