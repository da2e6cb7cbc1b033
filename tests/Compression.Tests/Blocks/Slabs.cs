using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Tests.Codecs;

namespace KvCluster.Compression.Tests.Blocks;

/// <summary>Slabs to break.</summary>
internal static class Slabs
{
    public static readonly KvGeometry Geometry = new(2, 1, 16);

    public static (byte[] Slab, SlabHeader Header) Sealed(string spec, KvGeometry geometry, int seed = 1)
    {
        KvCodec codec = CodecRegistry.Create(spec, geometry);
        byte[] slab = new byte[Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(1)];
        int size = codec.Encode(1, OpenLayers.Random(geometry, seed), default, slab.AsSpan(Slab.HeaderSizeBytes));
        SlabHeader header = Header(codec.Fingerprint, geometry, KvGeometry.BlockTokenCount, size);
        Slab.Write(slab, header);
        return (slab, header);
    }

    public static (byte[] Slab, SlabHeader Header) Tail(KvGeometry geometry, int tokenCount)
    {
        byte[] slab = new byte[Slab.HeaderSizeBytes + RawCodec.TailPayloadSizeBytes(geometry, tokenCount)];
        int size = RawCodec.PackTail(geometry, OpenLayers.Random(geometry, 2), tokenCount, slab.AsSpan(Slab.HeaderSizeBytes));
        SlabHeader header = Header(RawCodec.TailFingerprint(geometry), geometry, tokenCount, size);
        Slab.Write(slab, header);
        return (slab, header);
    }

    public static SlabExpectation Expectation(SlabHeader header, KvGeometry geometry) => new()
    {
        ModelFingerprint = header.ModelFingerprint,
        CodecFingerprint = header.CodecFingerprint,
        Geometry = geometry,
        BlockId = header.BlockId,
        Layer = header.Layer,
        FirstPosition = header.FirstPosition,
        TokenCount = header.TokenCount,
    };

    private static SlabHeader Header(ulong codecFingerprint, KvGeometry geometry, int tokenCount, int payloadSizeBytes) => new()
    {
        Layout = SlabLayout.Rows,
        ModelFingerprint = 0x1122334455667788,
        CodecFingerprint = codecFingerprint,
        BlockId = BlockIdChain.Next(BlockIdChain.Root("tenant", 0x1122334455667788, 3), [1, 2, 3]),
        Layer = 1,
        FirstPosition = 640,
        TokenCount = tokenCount,
        KvHeadCount = geometry.KvHeadCount,
        HeadSize = geometry.HeadSize,
        WriterEpoch = 42,
        PayloadSizeBytes = payloadSizeBytes,
    };
}
