using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Numerics;

/// <summary>Which path is for this processor; <c>DOTNET_EnableAVX512=0</c> and <c>DOTNET_EnableAVX2=0</c> take them away.</summary>
internal static class SimdPaths
{
    public static bool HasVector256 => Avx2.IsSupported && Fma.IsSupported;

    public static bool HasVector512 => Avx512F.IsSupported && Avx512BW.IsSupported;

    public static SimdPath Best { get; } =
        HasVector512 ? SimdPath.Vector512 : HasVector256 ? SimdPath.Vector256 : SimdPath.Scalar;

    /// <summary>All paths, slowest first; each runs on every processor, those that are not its own emulated, so tests compare all.</summary>
    public static IReadOnlyList<SimdPath> All { get; } = Enum.GetValues<SimdPath>();
}

/// <summary>Which instructions a kernel runs on. All give the same bits.</summary>
internal enum SimdPath
{
    Scalar,
    Vector256,
    Vector512,
}
