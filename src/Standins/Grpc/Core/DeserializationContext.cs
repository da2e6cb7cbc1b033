using System.Buffers;

namespace Grpc.Core;

/// <summary>One received payload. The sequence is only valid until the deserializer returns.</summary>
public abstract class DeserializationContext
{
    /// <summary>Payload size in bytes.</summary>
    public abstract int PayloadLength { get; }

    public virtual byte[] PayloadAsNewBuffer() => throw new NotImplementedException();

    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotImplementedException();
}
