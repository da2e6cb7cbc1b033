using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Quantization;

/// <summary>Working memory of one thread: grows to the largest use, never shrinks.</summary>
internal sealed unsafe class TileScratch
{
    private const int AlignmentBytes = 64;

    [ThreadStatic]
    private static TileScratch? _tile;

    [ThreadStatic]
    private static TileScratch? _rows;

    [ThreadStatic]
    private static TileScratch? _latent;

    [ThreadStatic]
    private static TileScratch? _restored;

    [ThreadStatic]
    private static TileScratch? _outliers;

    [ThreadStatic]
    private static TileScratch? _stored;

    private float[] _buffer = [];

    /// <summary>For a tile that was expanded to 32 bits.</summary>
    public static TileScratch Tile => _tile ??= new TileScratch();

    /// <summary>For rows that multiply a tile, while the tile is in <see cref="Tile"/>.</summary>
    public static TileScratch Rows => _rows ??= new TileScratch();

    /// <summary>For a layer's latent K and V while it is encoded or decoded.</summary>
    public static TileScratch Latent => _latent ??= new TileScratch();

    /// <summary>For a layer's K and V before projection, or after decoding.</summary>
    public static TileScratch Restored => _restored ??= new TileScratch();

    /// <summary>For the outliers of a layer while it is encoded.</summary>
    public static TileScratch Outliers => _outliers ??= new TileScratch();

    /// <summary>For what belongs to tokens, in the order in which they are stored.</summary>
    public static TileScratch Stored => _stored ??= new TileScratch();

    /// <summary>Valid until the thread's next call on this object. 64-byte aligned; contents are whatever was there.</summary>
    public float* Rent(int length)
    {
        if (_buffer.Length < length + (AlignmentBytes / sizeof(float)))
        {
            Grow(length);
        }

        // Pinned for its whole life, so the address holds.
        nint address = (nint)Unsafe.AsPointer(ref _buffer[0]);
        return (float*)((address + AlignmentBytes - 1) & -AlignmentBytes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int length) =>
        _buffer = GC.AllocateUninitializedArray<float>(length + (AlignmentBytes / sizeof(float)), pinned: true);
}
