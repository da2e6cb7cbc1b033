namespace KvCluster.Inference.Engine;

/// <summary>What a Sequence's KV takes up at most, or what there is for all.</summary>
/// <param name="Bytes">Of the host's memory.</param>
/// <param name="PageCount">Pages of a device (<see cref="Backends.DevicePages"/>); 0 where there is none.</param>
public readonly record struct KvDemand(long Bytes, long PageCount = 0)
{
    public static KvDemand operator +(KvDemand a, KvDemand b) => new(a.Bytes + b.Bytes, a.PageCount + b.PageCount);

    public static KvDemand operator -(KvDemand a, KvDemand b) => new(a.Bytes - b.Bytes, a.PageCount - b.PageCount);

    public static KvDemand Add(KvDemand left, KvDemand right) => left + right;

    public static KvDemand Subtract(KvDemand left, KvDemand right) => left - right;

    public bool FitsIn(KvDemand budget) => Bytes <= budget.Bytes && PageCount <= budget.PageCount;
}
