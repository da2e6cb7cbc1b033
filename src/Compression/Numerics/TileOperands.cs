namespace KvCluster.Compression.Numerics;

/// <summary>The matrices of one multiplication; strides in floats.</summary>
internal readonly unsafe struct TileOperands(
    float* a, nint aStride, float* b, nint bStride, float* c, nint cStride, int depth, bool accumulate)
{
    public readonly float* A = a;
    public readonly nint AStride = aStride;
    public readonly float* B = b;
    public readonly nint BStride = bStride;
    public readonly float* C = c;
    public readonly nint CStride = cStride;
    public readonly int Depth = depth;
    public readonly bool Accumulate = accumulate;
}
