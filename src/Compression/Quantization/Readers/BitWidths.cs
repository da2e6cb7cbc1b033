namespace KvCluster.Compression.Quantization.Readers;

/// <summary>Bits of a code, as a type.</summary>
internal interface IBitWidth
{
    public static abstract int BitCount { get; }
}

/// <summary>Widths as type arguments, so that each gets its own kernels.</summary>
internal static class BitWidths
{
    internal readonly struct One : IBitWidth
    {
        public static int BitCount => 1;
    }

    internal readonly struct Two : IBitWidth
    {
        public static int BitCount => 2;
    }

    internal readonly struct Three : IBitWidth
    {
        public static int BitCount => 3;
    }

    internal readonly struct Five : IBitWidth
    {
        public static int BitCount => 5;
    }

    internal readonly struct Six : IBitWidth
    {
        public static int BitCount => 6;
    }

    internal readonly struct Seven : IBitWidth
    {
        public static int BitCount => 7;
    }
}
