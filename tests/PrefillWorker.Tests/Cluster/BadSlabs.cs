using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Workers.Tests;

/// <summary>Puts slabs into the store that are sound in themselves but not what their block should be.</summary>
internal static class BadSlabs
{
    public static async Task PutAsync(TestCluster cluster, BlockId blockId, int firstPosition)
    {
        var codec = cluster.Model.Codec;
        await using var writer = new BlockWriter(cluster.Store, "intruder", 1);
        for (var layer = 0; layer < codec.Geometry.LayerCount; layer++)
        {
            var open = new Half[codec.Geometry.OpenLayerLength];
            var slab = SlabPool.Shared.Rent(Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(layer));
            var size = codec.Encode(layer, open, default, slab.Span[Slab.HeaderSizeBytes..]);
            Assert.Equal(codec.MaxPayloadSizeBytes(layer), size);
            Slab.Write(slab.Span, new SlabHeader
            {
                Layout = SlabLayout.Rows,
                ModelFingerprint = cluster.Model.Fingerprint,
                CodecFingerprint = codec.Fingerprint,
                BlockId = blockId,
                Layer = layer,
                FirstPosition = firstPosition,
                TokenCount = KvGeometry.BlockTokenCount,
                KvHeadCount = codec.Geometry.KvHeadCount,
                HeadSize = codec.Geometry.HeadSize,
                WriterEpoch = 1,
                PayloadSizeBytes = size,
            });
            Assert.True(writer.Enqueue(blockId, layer, codec.Geometry.LayerCount, slab));
        }

        var result = await writer.CompleteAsync().WaitAsync(TestCluster.Patience);
        Assert.Equal(codec.Geometry.LayerCount, result.SlabsStored);
    }
}
