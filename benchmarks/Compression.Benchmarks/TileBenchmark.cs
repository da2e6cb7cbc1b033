using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Benchmarks;

internal static class TileBenchmark
{
    public static void Run()
    {
        double peakTime = Stopclock.Measure(() => Chains(1000));
        Stopclock.Print("FMA peak, 12 chains", peakTime, 12 * 2 * 8 * 1000.0, "GFLOP/s");
        foreach ((int m, int n, int k) in new[] { (64, 64, 64), (60, 64, 64), (60, 16, 256), (64, 64, 128), (64, 128, 64), (8, 64, 64), (4, 64, 64), (2, 64, 64), (1, 64, 64) })
        {
            float[] a = new float[m * k];
            float[] b = new float[k * n];
            float[] c = new float[m * n];
            double time = Stopclock.Measure(() => TileMultiply.Multiply(a, k, b, n, c, n, m, n, k, accumulate: true));
            Stopclock.Print($"TileMultiply {m} x {n} x {k}", time, 2.0 * m * n * k, "GFLOP/s");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains(int steps)
    {
        Vector256<float> x = Vector256.Create(0.5f);
        Vector256<float> s0 = Vector256.Create(0f);
        Vector256<float> s1 = Vector256.Create(1f);
        Vector256<float> s2 = Vector256.Create(2f);
        Vector256<float> s3 = Vector256.Create(3f);
        Vector256<float> s4 = Vector256.Create(4f);
        Vector256<float> s5 = Vector256.Create(5f);
        Vector256<float> t0 = Vector256.Create(6f);
        Vector256<float> t1 = Vector256.Create(7f);
        Vector256<float> t2 = Vector256.Create(8f);
        Vector256<float> t3 = Vector256.Create(9f);
        Vector256<float> t4 = Vector256.Create(10f);
        Vector256<float> t5 = Vector256.Create(11f);
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector256.FusedMultiplyAdd(s0, x, x);
            s1 = Vector256.FusedMultiplyAdd(s1, x, x);
            s2 = Vector256.FusedMultiplyAdd(s2, x, x);
            s3 = Vector256.FusedMultiplyAdd(s3, x, x);
            s4 = Vector256.FusedMultiplyAdd(s4, x, x);
            s5 = Vector256.FusedMultiplyAdd(s5, x, x);
            t0 = Vector256.FusedMultiplyAdd(t0, x, x);
            t1 = Vector256.FusedMultiplyAdd(t1, x, x);
            t2 = Vector256.FusedMultiplyAdd(t2, x, x);
            t3 = Vector256.FusedMultiplyAdd(t3, x, x);
            t4 = Vector256.FusedMultiplyAdd(t4, x, x);
            t5 = Vector256.FusedMultiplyAdd(t5, x, x);
        }

        return Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + t0 + t1 + t2 + t3 + t4 + t5);
    }
}
