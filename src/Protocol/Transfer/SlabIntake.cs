using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Transfer;

/// <summary>Decides whether a frame of a Put may be stored: fields, checksums, identity, epoch.</summary>
public static class SlabIntake
{
    /// <summary>More layers than any model has; bounds what one frame can make the store allocate.</summary>
    private const int MaxLayerCount = 4096;

    /// <summary>What is wrong with a frame before its slab is looked at; null when nothing is.</summary>
    public static Status? CheckFields(SlabFrame frame) =>
        frame.Status != SlabStatus.Ok ? CallStatus.InvalidField("status", "must be OK in a Put")
        : frame.LayerCount is < 1 or > MaxLayerCount ? CallStatus.InvalidField("layer_count", $"must be 1 to {MaxLayerCount}, not {frame.LayerCount}")
        : frame.Layer < 0 || frame.Layer >= frame.LayerCount ? CallStatus.InvalidField("layer", $"must be under layer_count {frame.LayerCount}, not {frame.Layer}")
        : frame.SlabBytes.IsEmpty ? CallStatus.InvalidField("slab", "is empty")
        : null;

    /// <summary>Verifies the slab of a frame whose fields are good; takes it out of the frame only when it is good too.</summary>
    public static Status? Verify(SlabFrame frame, ulong epoch, out SlabError error, out VerifiedSlab slab)
    {
        slab = default;
        var expected = new SlabExpectation { BlockId = frame.BlockId, Layer = frame.Layer };
        error = Slab.Verify(frame.SlabBytes, expected, out SlabHeader header);
        if (error != SlabError.None)
        {
            return CallStatus.SlabRefused(error, frame.BlockId, frame.Layer);
        }

        if (!frame.Copied && header.WriterEpoch != epoch)
        {
            return CallStatus.ForeignEpoch(header.WriterEpoch, epoch, frame.BlockId, frame.Layer);
        }

        slab = new VerifiedSlab(header, frame.LayerCount, frame.TakeSlab()!, frame.Transient);
        return null;
    }
}
