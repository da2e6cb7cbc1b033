using System.Diagnostics;
using KvCluster.Inference.Backends.Cpu;

namespace KvCluster.Inference.Tests.Backends;

public sealed class ComputePoolTests
{
    [Fact]
    public void Run_ManyRegionsFromSeveralCallers_EveryTaskOnce()
    {
        using var pool = new ComputePool(4);
        Parallel.For(0, 3, caller =>
        {
            var job = new CountingJob(37);
            for (int region = 1; region <= 2000; region++)
            {
                int taskCount = region % 37;
                pool.Run(job, taskCount);
                job.AssertRan(taskCount);
            }
        });
    }

    [Fact]
    public void Run_TaskThrows_CallerHearsAndPoolGoesOn()
    {
        using var pool = new ComputePool(3);
        Assert.ThrowsAny<Exception>(() => pool.Run(new ThrowingJob(), 50));
        var job = new CountingJob(20);
        pool.Run(job, 20);
        job.AssertRan(20);
    }

    [Fact]
    public void Run_HelpersThatSleepAndWake_EveryTaskOnce()
    {
        using var pool = new ComputePool(6);
        var job = new CountingJob(40);
        for (int region = 0; region < 300; region++)
        {
            // Longer than helpers spin: they are asleep, or about to be, when the loop opens.
            long start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(start).TotalMicroseconds < region)
            {
                Thread.Yield();
            }

            pool.Run(job, 40);
            job.AssertRan(40);
        }
    }

    private sealed class CountingJob(int maxTaskCount) : ParallelJob
    {
        private readonly int[] _counts = new int[maxTaskCount];

        public override void Execute(int task, int worker) => Interlocked.Increment(ref _counts[task]);

        public void AssertRan(int taskCount)
        {
            for (int i = 0; i < _counts.Length; i++)
            {
                Assert.Equal(i < taskCount ? 1 : 0, _counts[i]);
                _counts[i] = 0;
            }
        }
    }

    private sealed class ThrowingJob : ParallelJob
    {
        public override void Execute(int task, int worker)
        {
            if (task == 20)
            {
                throw new InvalidOperationException("task 20");
            }
        }
    }
}
