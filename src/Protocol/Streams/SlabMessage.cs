using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>A received message. Its slab is the receiver's to dispose.</summary>
public readonly record struct SlabMessage(SlabMessageHeader Header, byte[] Extra, SlabLease? Slab)
{
    public SlabMessageKind Kind => Header.Kind;

    /// <summary>The frame, which takes over the slab.</summary>
    public SlabFrame ToFrame() => new(Header.BlockId, Header.Layer, Header.LayerCount, Slab)
    {
        Status = Header.Status,
        WorkerId = Encoding.UTF8.GetString(Extra),
        Epoch = Header.Epoch,
        Transient = Header.Transient,
        Copied = Header.Copied,
        Owner = Header.Owner,
    };
}
