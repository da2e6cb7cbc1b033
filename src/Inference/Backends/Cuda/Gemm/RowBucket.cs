namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>Row counts that products and decode graphs are made for; rows in between are computed and not used.</summary>
internal static class RowBucket
{
    /// <summary>Most rows of a decode step that runs as a graph.</summary>
    public const int MaxDecodeRows = 256;

    public static int Of(int rows) => rows switch
    {
        <= 2 => rows,
        <= 4 => 4,
        <= 32 => (rows + 7) & -8,
        <= 64 => (rows + 15) & -16,
        <= 512 => (rows + 63) & -64,
        _ => (rows + 127) & -128,
    };
}
