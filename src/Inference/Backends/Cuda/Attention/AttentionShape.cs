namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>How many warps a format's kernel runs with, and how many Blocks each has on the way. Measured: benchmarks/gpu/README.md.</summary>
/// <param name="WarpCount">Of a block of threads.</param>
/// <param name="BlockCount">Of blocks a multiprocessor is to hold.</param>
/// <param name="SlotCount">Of a warp's ring.</param>
/// <param name="SharedBytes">Of a block of threads.</param>
internal sealed record AttentionShape(int WarpCount, int BlockCount, int SlotCount, int SharedBytes)
{
    private const int TableBytes = 2048;
    private const int ParameterBytes = 512;
    private const int GreatestBytes = 32;

    /// <summary>Bytes that the driver keeps of each block's shared memory.</summary>
    private const int ReservedBytes = 1024;

    public int ThreadCount => 32 * WarpCount;

    /// <summary>The fastest that fits.</summary>
    /// <param name="format">Of the payloads.</param>
    /// <param name="sharedBytesPerBlock">Of the device; what all blocks of a multiprocessor share is hardly more.</param>
    /// <returns>Null when not even one warp fits.</returns>
    public static AttentionShape? Choose(AttentionFormat format, int sharedBytesPerBlock)
    {
        if (format.IsRaw)
        {
            return new AttentionShape(4, 2, 0, 0);
        }

        int slot = format.HeadKeyBytes + format.HeadValueBytes + ParameterBytes + format.HeadSize + GreatestBytes;
        (int Warps, int Blocks, int Slots)[] wanted = format.BitCount == 8 && format.HeadSize == 128
            ? [(4, 1, 3), (4, 1, 2), (2, 1, 2), (1, 1, 2)]
            : [(4, 2, 4), (4, 2, 3), (4, 2, 2), (4, 1, 2), (2, 1, 2), (1, 1, 2)];
        foreach ((int warps, int blocks, int slots) in wanted)
        {
            int shared = warps * ((slots * slot) + TableBytes);
            if (blocks * (shared + ReservedBytes) <= sharedBytesPerBlock + ReservedBytes)
            {
                return new AttentionShape(warps, blocks, slots, shared);
            }
        }

        return null;
    }

    /// <summary>Macros of the kernel file.</summary>
    public IEnumerable<KeyValuePair<string, int>> Defines()
    {
        yield return new("WARPS", WarpCount);
        yield return new("CTAS", BlockCount);
        if (SlotCount > 0)
        {
            yield return new("SLOTS", SlotCount);
        }
    }
}
