namespace KvCluster.Compression.Blocks;

/// <summary>Why a slab is refused. A refused slab is never attended to.</summary>
public enum SlabError
{
    None,

    /// <summary>Shorter than its header, or than the payload length in the header.</summary>
    Truncated,

    /// <summary>Does not begin with <c>KVB1</c>.</summary>
    BadMagic,

    /// <summary>Written by a newer format version.</summary>
    UnknownVersion,

    /// <summary>An element order that this reader does not know.</summary>
    UnknownLayout,

    /// <summary>The header's CRC-32C is wrong.</summary>
    HeaderChecksum,

    /// <summary>The payload's CRC-32C is wrong.</summary>
    PayloadChecksum,

    /// <summary>Of another model.</summary>
    ForeignModel,

    /// <summary>Of another codec.</summary>
    ForeignCodec,

    /// <summary>Another shape of KV: heads, head size or token count.</summary>
    WrongGeometry,

    /// <summary>Of another Block than the one asked for: a replayed slab.</summary>
    WrongBlock,

    /// <summary>Of another layer of the Block.</summary>
    WrongLayer,

    /// <summary>Begins at another position of the Sequence.</summary>
    WrongPosition,

    /// <summary>The payload's structure is not one that its codec writes.</summary>
    MalformedPayload,
}
