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
