namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Independent tasks for <see cref="ComputePool"/>. Kept and reused by its owner, so that running it allocates nothing.</summary>
internal abstract class ParallelJob
{
    /// <param name="task">0 to the task count - 1; claimed in ascending order.</param>
    /// <param name="worker">0 for the caller, else the helper's number: selects scratch that no other task uses meanwhile.</param>
    public abstract void Execute(int task, int worker);
}
