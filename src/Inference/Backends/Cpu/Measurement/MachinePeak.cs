using System.Diagnostics;

namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>What this machine's cores reach together: the yardstick for the engine's speed.</summary>
public static class MachinePeak
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(0.5);

    /// <summary>Fused multiply-adds in 32 bits on all cores, counted as two operations; best round in about 0.5 s.</summary>
    public static double MeasureFmaGflops()
    {
        var job = new FmaJob();
        return Best(job, ComputePool.Shared.WorkerCount, FmaJob.FlopsPerTask) / 1e9;
    }

    /// <summary>Reading memory beyond the caches on all cores; best round in about 0.5 s.</summary>
    public static double MeasureBandwidthGBps()
    {
        using var job = new ReadJob(ComputePool.Shared.WorkerCount);
        return Best(job, ComputePool.Shared.WorkerCount, ReadJob.BytesPerTask) / 1e9;
    }

    private static double Best(ParallelJob job, int taskCount, double workPerTask)
    {
        double best = 0;
        long begin = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            ComputePool.Shared.Run(job, taskCount);
            best = Math.Max(best, taskCount * workPerTask / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetElapsedTime(begin) < Duration);
        return best;
    }
}
