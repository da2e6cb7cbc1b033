using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Grpc;
using KvCluster.V1;

namespace KvCluster.KvStore.Puts;

/// <summary>Decides whether a frame of a Put may be stored: fields, checksums, identity, epoch.</summary>
internal static class SlabIntake
{
    /// <summary>More layers than any model has; bounds what one frame can make the store allocate.</summary>
    private const int MaxLayerCount = 4096;

    /// <summary>What is wrong with a frame before its slab is looked at; null when nothing is.</summary>
    public static Status? CheckFields(Protocol.SlabFrame frame) =>
        frame.Status != SlabStatus.Ok ? StoreStatus.InvalidField("status", "must be OK in a Put")
        : frame.LayerCount is < 1 or > MaxLayerCount ? StoreStatus.InvalidField("layer_count", $"must be 1 to {MaxLayerCount}, not {frame.LayerCount}")
        : frame.Layer < 0 || frame.Layer >= frame.LayerCount ? StoreStatus.InvalidField("layer", $"must be under layer_count {frame.LayerCount}, not {frame.Layer}")
        : frame.SlabBytes.IsEmpty ? StoreStatus.InvalidField("slab", "is empty")
        : null;

    /// <summary>Verifies the slab of a frame whose fields are good; takes it out of the frame only when it is good too.</summary>
    public static Status? Verify(Protocol.SlabFrame frame, ulong epoch, out SlabError error, out VerifiedSlab slab)
    {
        slab = default;
        var expected = new SlabExpectation { BlockId = frame.BlockId, Layer = frame.Layer };
        error = Slab.Verify(frame.SlabBytes, expected, out SlabHeader header);
        if (error != SlabError.None)
        {
            return StoreStatus.SlabRefused(error, frame.BlockId, frame.Layer);
        }

        if (!frame.Copied && header.WriterEpoch != epoch)
        {
            return StoreStatus.ForeignEpoch(header.WriterEpoch, epoch, frame.BlockId, frame.Layer);
        }

        slab = new VerifiedSlab(header, frame.LayerCount, frame.TakeSlab()!, frame.Transient);
        return null;
    }
}
