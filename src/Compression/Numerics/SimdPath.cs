namespace KvCluster.Compression.Numerics;

/// <summary>Which instructions a kernel runs on. All give the same bits.</summary>
internal enum SimdPath
{
    Scalar,
    Vector256,
    Vector512,
}
