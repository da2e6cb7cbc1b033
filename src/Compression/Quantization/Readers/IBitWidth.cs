namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Bits of a code, as a type.</summary>
internal interface IBitWidth
{
    public static abstract int BitCount { get; }
}
