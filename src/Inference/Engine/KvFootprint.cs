using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;

namespace KvCluster.Inference.Engine;

/// <summary>The most bytes of KV that Sequences of a model and codec can hold, slab headers included.</summary>
public sealed class KvFootprint
{
    /// <param name="codec">Of the sealed Blocks.</param>
    /// <param name="attendsDecoded">They are also held as what they decode to, in 16 bits: <see cref="IModelRunner.AttendsDecoded"/>.</param>
    /// <param name="pages">Of the device that holds them; null: there is none.</param>
    public KvFootprint(KvCodec codec, bool attendsDecoded = false, DevicePages? pages = null)
    {
        Pages = pages;
        var geometry = codec.Geometry;
        OpenBlockBytes = (long)geometry.LayerCount * geometry.OpenLayerLength * sizeof(ushort);
        for (var layer = 0; layer < geometry.LayerCount; layer++)
        {
            BlockBytes += Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(layer);
        }

        if (attendsDecoded || codec.Saliency is { AfterPrompt: true })
        {
            // The prompt's Blocks wait in 16 bits, or what they decode to fills pages of 16 bits.
            BlockBytes = Math.Max(BlockBytes, OpenBlockBytes + (geometry.LayerCount * Slab.HeaderSizeBytes));
        }
    }

    /// <summary>All slabs of one sealed Block.</summary>
    public long BlockBytes { get; }

    /// <summary>The open block, which every Sequence has.</summary>
    public long OpenBlockBytes { get; }

    /// <summary>Of the device that holds them too; null: there is none.</summary>
    public DevicePages? Pages { get; }

    public long SequenceBytes(int tokenCount) => OpenBlockBytes + (tokenCount / KvGeometry.BlockTokenCount * BlockBytes);

    /// <summary>All that a Sequence of so many tokens takes up.</summary>
    public KvDemand Demand(int tokenCount) => new(SequenceBytes(tokenCount), Pages?.SequencePageCount(tokenCount) ?? 0);
}
