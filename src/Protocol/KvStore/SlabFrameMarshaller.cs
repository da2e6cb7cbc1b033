using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol;

/// <summary>
/// Moves a <see cref="SlabFrame"/> to and from gRPC's buffers. The slab is copied once: into the call's output buffer, or out of
/// its input buffer into a buffer rented from <see cref="SlabPool.Shared"/>.
/// </summary>
public static class SlabFrameMarshaller
{
    public static Marshaller<SlabFrame> Instance { get; } = new(Serialize, Deserialize);

    private static void Serialize(SlabFrame frame, SerializationContext context)
    {
        context.SetPayloadLength(SlabFrameEncoding.SizeBytes(frame));
        SlabFrameEncoding.Write(frame, context.GetBufferWriter());
        context.Complete();
    }

    private static SlabFrame Deserialize(DeserializationContext context) =>
        SlabFrameDecoding.Read(context.PayloadAsReadOnlySequence(), SlabPool.Shared);
}
