using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tests;

/// <summary>Slabs whose bytes follow from block and layer, so that whoever gets one knows what must be in it.</summary>
internal static class TestSlabs
{
    public const int LayerCount = 3;
    public const ulong Model = 0x1111;
    public const ulong Codec = 0x2222;
    public const ulong Epoch = 7;
    public const int PayloadSizeBytes = 384;
    public const int SizeBytes = Slab.HeaderSizeBytes + PayloadSizeBytes;

    public static readonly SlabExpectation Expected = new()
    {
        ModelFingerprint = Model,
        CodecFingerprint = Codec,
        Geometry = new KvGeometry(LayerCount, 1, 8),
    };

    public static BlockId Id(int number) => new((UInt128)(uint)number * 0x9E3779B97F4A7C15UL + 1);

    public static SlabHeader Header(BlockId id, int layer, ulong epoch = Epoch, int payloadSizeBytes = PayloadSizeBytes) => new()
    {
        Layout = SlabLayout.Rows,
        ModelFingerprint = Model,
        CodecFingerprint = Codec,
        BlockId = id,
        Layer = layer,
        FirstPosition = 64,
        TokenCount = 64,
        KvHeadCount = 1,
        HeadSize = 8,
        WriterEpoch = epoch,
        PayloadSizeBytes = payloadSizeBytes,
    };

    public static SlabLease Make(SlabPool pool, BlockId id, int layer, ulong epoch = Epoch, int payloadSizeBytes = PayloadSizeBytes) =>
        Make(pool, Header(id, layer, epoch, payloadSizeBytes));

    public static SlabLease Make(SlabPool pool, SlabHeader header)
    {
        SlabLease lease = pool.Rent(Slab.SizeBytes(header));
        Fill(lease.Span[Slab.HeaderSizeBytes..], header.BlockId, header.Layer);
        Slab.Write(lease.Span, header);
        return lease;
    }

    public static byte[] Bytes(BlockId id, int layer, ulong epoch = Epoch, int payloadSizeBytes = PayloadSizeBytes)
    {
        SlabHeader header = Header(id, layer, epoch, payloadSizeBytes);
        byte[] slab = new byte[Slab.SizeBytes(header)];
        Fill(slab.AsSpan(Slab.HeaderSizeBytes), id, layer);
        Slab.Write(slab, header);
        return slab;
    }

    private static void Fill(Span<byte> payload, BlockId id, int layer)
    {
        ulong state = (ulong)id.Value ^ (ulong)(layer + 1);
        for (int i = 0; i < payload.Length; i++)
        {
            state = state * 6364136223846793005UL + 1442695040888963407UL;
            payload[i] = (byte)(state >> 56);
        }
    }
}
