namespace KvCluster.Compression.Numerics;

/// <summary>The few operations that kernels need, over one width of vector, so that each kernel is written once.</summary>
internal unsafe interface ILanes<TVector>
    where TVector : struct
{
    public static abstract int Count { get; }

    public static abstract TVector Load(float* source);

    public static abstract TVector Broadcast(float value);

    /// <summary>a·b + c with one rounding.</summary>
    public static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    public static abstract void Store(TVector value, float* destination);
}
