using KvCluster.Compression.Blocks;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>Blocks of any size with sealed, verifiable slabs of random bytes, as those of a codec are to a store.</summary>
internal sealed class BlockFactory(int slabCount, int slabSizeBytes)
{
    public const ulong ModelFingerprint = 1;
    public const ulong CodecFingerprint = 2;
    public const ulong WriterEpoch = 1;

    private readonly byte[] _payload = RandomBytes(slabSizeBytes);

    public int BlockSizeBytes => slabCount * slabSizeBytes;

    public static BlockId IdOf(long number) => new(((UInt128)(ulong)number * 0x9E3779B97F4A7C15UL) + 1);

    public StoreBlock Create(long number)
    {
        BlockId id = IdOf(number);
        return new StoreBlock(id, [.. Enumerable.Range(0, slabCount).Select(layer => CreateSlab(id, layer))]);
    }

    /// <summary>As many bytes for peers. Not zeros, which are all read from one page.</summary>
    public byte[] CreatePlain()
    {
        var block = new byte[BlockSizeBytes];
        for (int i = 0; i < slabCount; i++)
        {
            _payload.CopyTo(block, i * slabSizeBytes);
        }

        return block;
    }

    private SlabLease CreateSlab(BlockId blockId, int layer)
    {
        SlabLease slab = SlabPool.Shared.Rent(slabSizeBytes);
        _payload.AsSpan(Slab.HeaderSizeBytes).CopyTo(slab.Span[Slab.HeaderSizeBytes..]);
        Slab.Write(slab.Span, new SlabHeader
        {
            Layout = SlabLayout.Rows,
            ModelFingerprint = ModelFingerprint,
            CodecFingerprint = CodecFingerprint,
            BlockId = blockId,
            Layer = layer,
            FirstPosition = 0,
            TokenCount = KvGeometry.BlockTokenCount,
            KvHeadCount = 1,
            HeadSize = 16,
            WriterEpoch = WriterEpoch,
            PayloadSizeBytes = slabSizeBytes - Slab.HeaderSizeBytes,
        });
        return slab;
    }

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
