namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Unpacks elements of a packed row into vectors, without scale.</summary>
internal unsafe interface IPackedReader<TVector>
    where TVector : struct
{
    /// <summary>Bits an element.</summary>
    public static abstract int BitCount { get; }

    /// <summary>
    /// The elements from <paramref name="element"/>, a multiple of two vectors, in two vectors.
    /// </summary>
    public static abstract void ReadPair(byte* row, int element, out TVector first, out TVector second);
}
