namespace KvCluster.Compression.Calibration;

/// <summary>A <see cref="HeadGroup"/> as Profiles store it.</summary>
/// <param name="KvHeads">In the order of the rows of the maps.</param>
/// <param name="Key">Of K after RoPE; its inverse maps queries.</param>
/// <param name="Value">Of V; its inverse maps outputs.</param>
public sealed record GroupBasis(IReadOnlyList<int> KvHeads, SideBasis Key, SideBasis Value)
{
    public HeadGroup ToHeadGroup() => new()
    {
        KvHeads = KvHeads,
        KeyRank = Key.Rank,
        ValueRank = Value.Rank,
        KeyMap = Key.UsedMap(),
        QueryMap = Key.UsedInverse(),
        ValueMap = Value.UsedMap(),
        OutputMap = Value.UsedInverse(),
        KeyMean = Key.Mean,
        ValueMean = Value.Mean,
        KeyBits = Key.Bits,
        ValueBits = Value.Bits,
    };
}
