namespace KvCluster.Compression.Projection;

/// <summary>A matrix in row-major order somewhere in memory.</summary>
/// <param name="start">Its first element.</param>
/// <param name="stride">Floats from row to row.</param>
internal readonly unsafe struct MatrixView(float* start, int stride)
{
    public float* Start { get; } = start;

    public int Stride { get; } = stride;
}
