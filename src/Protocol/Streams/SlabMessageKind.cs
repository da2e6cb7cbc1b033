namespace KvCluster.Protocol.Streams;

/// <summary>What a message of a slab stream is (docs/slab-stream.md).</summary>
public enum SlabMessageKind : byte
{
    None = 0,

    /// <summary>Begins a Get; the extra bytes are a GetRequest.</summary>
    Get = 1,

    /// <summary>A slab, or why there is none; the first one of a client begins a Put.</summary>
    Frame = 2,

    /// <summary>The client has put all it wanted.</summary>
    End = 3,

    /// <summary>Ends the call; the extra bytes are a SlabStreamStatus.</summary>
    Status = 4,

    /// <summary>A frame whose slab the receiver copies out of the sender's memory: the first 8 of the extra bytes say where it begins. Unix sockets only.</summary>
    Reference = 5,

    /// <summary>So many slabs that were referred to have been copied since the last; comes the other way, in a call.</summary>
    Taken = 6,
}
