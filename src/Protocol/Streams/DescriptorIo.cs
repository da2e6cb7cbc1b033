using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.Protocol.Streams;

/// <summary>Bytes with one open file (unix(7), SCM_RIGHTS), without waiting. 64-bit Linux only. Every other receive lets the kernel close files that come unasked.</summary>
internal static unsafe class DescriptorIo
{
    // As Linux numbers them (send(2), recv(2), unix(7)).
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int CloseOnExec = 0x40000000;
    private const int ControlTruncated = 8;
    private const int SocketLevel = 1;
    private const int Rights = 1;

    /// <returns>Bytes sent; 0 or less: none could be.</returns>
    public static int TrySend(Socket socket, ReadOnlySpan<byte> bytes, SafeFileHandle file)
    {
        bool isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            var control = new OneDescriptor { SizeBytes = OneDescriptor.UsedSizeBytes, Level = SocketLevel, Type = Rights, Descriptor = (int)file.DangerousGetHandle() };
            fixed (byte* start = bytes)
            {
                var part = new GatheredIo.IoVector(start, bytes.Length);
                var message = new GatheredIo.Message { Parts = &part, PartCount = 1, Control = &control, ControlSizeBytes = OneDescriptor.UsedSizeBytes };
                return (int)GatheredIo.SendMessage(socket.SafeHandle, &message, DontWait | NoSignal);
            }
        }
        finally
        {
            if (isHeld)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <param name="socket">With something to receive.</param>
    /// <param name="bytes">Where to.</param>
    /// <param name="file">The one that came with the bytes, the caller's to dispose; null: none.</param>
    /// <returns>Bytes received; 0 or less: none, or the connection has ended.</returns>
    /// <exception cref="InvalidDataException">Several files came, all of which are closed.</exception>
    public static int TryReceive(Socket socket, Span<byte> bytes, out SafeFileHandle? file)
    {
        OneDescriptor control = default;
        fixed (byte* start = bytes)
        {
            // Room for one file only: the kernel closes others.
            var part = new GatheredIo.IoVector(start, bytes.Length);
            var message = new GatheredIo.Message { Parts = &part, PartCount = 1, Control = &control, ControlSizeBytes = OneDescriptor.UsedSizeBytes };
            int received = (int)GatheredIo.ReceiveMessage(socket.SafeHandle, &message, DontWait | CloseOnExec);
            bool isFile = received >= 0 && message.ControlSizeBytes >= OneDescriptor.UsedSizeBytes && control is { Level: SocketLevel, Type: Rights };
            file = isFile ? new SafeFileHandle(control.Descriptor, ownsHandle: true) : null;
            if (received >= 0 && (message.Flags & ControlTruncated) != 0)
            {
                file?.Dispose();
                throw new InvalidDataException("the other end sent several open files");
            }

            return received;
        }
    }

    /// <summary>struct cmsghdr of 64-bit Linux, and one descriptor.</summary>
    private struct OneDescriptor
    {
        public const int UsedSizeBytes = 20;

        public nint SizeBytes;
        public int Level;
        public int Type;
        public int Descriptor;
    }
}
