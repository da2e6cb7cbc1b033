using Orleans.Placement;

namespace Orleans.Concurrency;

/// <summary>
/// A key of the class has up to N activations, made when all others are busy. Without a number N is the processor count. Idle ones
/// end by the collection age alone: the stand-in has no early removal.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class StatelessWorkerAttribute : PlacementAttribute
{
    public StatelessWorkerAttribute()
        : this(Environment.ProcessorCount)
    {
    }

    public StatelessWorkerAttribute(int maxLocalWorkers)
        : base(new LocalPlacement()) => MaxLocalWorkers = maxLocalWorkers;

    public StatelessWorkerAttribute(int maxLocalWorkers, bool removeIdleWorkers)
        : this(maxLocalWorkers) => _ = removeIdleWorkers;

    internal int MaxLocalWorkers { get; }
}
