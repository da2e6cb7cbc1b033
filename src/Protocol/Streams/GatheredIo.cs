using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// Two buffers with one system call, without waiting. .NET gathers arrays only, and slabs are native memory; a call for each message's 64 bytes costs as much as
/// several KiB of a slab.
/// </summary>
internal static unsafe partial class GatheredIo
{
    // As Linux numbers them (send(2)).
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;

    internal static readonly bool IsSupported = OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <returns>Bytes sent. 0: none could be without waiting, or something is wrong; an ordinary send says what.</returns>
    public static int TrySend(Socket socket, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        if (!IsSupported)
        {
            return 0;
        }

        fixed (byte* firstStart = first, secondStart = second)
        {
            var parts = stackalloc IoVector[] { new(firstStart, first.Length), new(secondStart, second.Length) };
            var message = new Message { Parts = parts, PartCount = 2 };
            return (int)Math.Max(0, SendMessage(socket.SafeHandle, &message, DontWait | NoSignal));
        }
    }

    /// <returns>Bytes received. 0: none were there, or the connection has ended; an ordinary receive says which.</returns>
    public static int TryReceive(Socket socket, Span<byte> first, Span<byte> second)
    {
        if (!IsSupported)
        {
            return 0;
        }

        fixed (byte* firstStart = first, secondStart = second)
        {
            var parts = stackalloc IoVector[] { new(firstStart, first.Length), new(secondStart, second.Length) };
            var message = new Message { Parts = parts, PartCount = 2 };
            return (int)Math.Max(0, ReceiveMessage(socket.SafeHandle, &message, DontWait));
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg")]
    internal static partial nint SendMessage(SafeSocketHandle socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg")]
    internal static partial nint ReceiveMessage(SafeSocketHandle socket, Message* message, int flags);

    /// <summary>struct iovec.</summary>
    internal readonly struct IoVector(byte* start, int length)
    {
        public readonly byte* Start = start;
        public readonly nint Length = length;
    }

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    internal struct Message
    {
        public void* Name;
        public uint NameSizeBytes;
        public IoVector* Parts;
        public nint PartCount;
        public void* Control;
        public nint ControlSizeBytes;
        public int Flags;
    }
}
