namespace Grpc.Core;

public class WriteOptions(WriteFlags flags = default)
{
    public static readonly WriteOptions Default = new();

    public WriteFlags Flags { get; } = flags;
}

[Flags]
public enum WriteFlags
{
    /// <summary>The message may wait in the buffer for the next one.</summary>
    BufferHint = 0x1,

    /// <summary>The message travels uncompressed even when the call has an encoding.</summary>
    NoCompress = 0x2,
}
