using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>
/// Where a latent head has what in the scratch of an item, in floats: <c>struct EncodePlace</c> of Kernels/encode_stored.cuh. −1: nothing.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EncodePlace
{
    public const int None = -1;

    /// <summary>Matrix of K in 32 bits.</summary>
    public int KeyLatent;

    public int ValueLatent;

    /// <summary>Positions and slots of the outliers of K, and what their places lost.</summary>
    public int KeyOutliers;

    public int ValueOutliers;

    /// <summary>Scales of channels of K.</summary>
    public int KeyChannels;

    public int ValueChannels;
}

/// <summary>Argument of Kernels/encode_stored.cu for one layer: <c>struct StoredEncodeWork</c> of encode_stored.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StoredEncodeWork
{
    public EncodeWork Blocks;
    public StoredTable Table;

    /// <summary>Of <see cref="EncodePlace"/>, by latent head.</summary>
    public ulong Places;

    /// <summary>Floats of an item.</summary>
    public ulong ScratchEach;

    /// <summary>Bytes of a payload that nothing has, and that are 0.</summary>
    public int FirstZerosAt;

    public int NextZerosAt;
    public int FirstZeroBytes;
    public int NextZeroBytes;
    public int Layer;

    /// <summary>Of a matrix in shared memory.</summary>
    public int TileFloats;
}
