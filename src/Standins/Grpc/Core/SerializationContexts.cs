using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a serializer puts one message: a whole array, or a buffer writer followed by Complete.</summary>
public abstract class SerializationContext
{
    public virtual void Complete(byte[] payload) => throw new NotImplementedException();

    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotImplementedException();

    /// <summary>Announces the exact payload size in bytes, before anything is written.</summary>
    public virtual void SetPayloadLength(int payloadLength)
    {
    }

    public virtual void Complete() => throw new NotImplementedException();
}

/// <summary>One received payload. The sequence is only valid until the deserializer returns.</summary>
public abstract class DeserializationContext
{
    /// <summary>Payload size in bytes.</summary>
    public abstract int PayloadLength { get; }

    public virtual byte[] PayloadAsNewBuffer() => throw new NotImplementedException();

    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotImplementedException();
}

/// <summary>Collects one message into an array, for callers of <see cref="Marshaller{T}.Serializer"/>.</summary>
internal sealed class ArraySerializationContext : SerializationContext
{
    private readonly ArrayBufferWriter<byte> _writer = new();
    private byte[]? _payload;

    public byte[] Payload => _payload
        ?? throw new InvalidOperationException("The serializer returned without completing its context.");

    public override void Complete(byte[] payload) => _payload = payload;

    public override IBufferWriter<byte> GetBufferWriter() => _writer;

    public override void Complete() => _payload = _writer.WrittenSpan.ToArray();
}

/// <summary>Serves an array to a contextual deserializer.</summary>
internal sealed class ArrayDeserializationContext(byte[] payload) : DeserializationContext
{
    public override int PayloadLength => payload.Length;

    public override byte[] PayloadAsNewBuffer() => [.. payload];

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(payload);
}
