using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace KvCluster.Protocol.Streams;

/// <summary>Slab streams within a machine, over a Unix socket: the kernel copies there without TCP's work, which is two to three times as fast.</summary>
public static partial class LocalSlabSocket
{
    /// <summary>Bytes of what tells one listener from another.</summary>
    public const int IdSizeBytes = 16;

    /// <summary>What both ends send first: a greeting, who is meant, and what each lends (docs/slab-stream.md).</summary>
    public const int GreetingSizeBytes = SlabSocket.GreetingSizeBytes + IdSizeBytes + MemoryOffer.SizeBytes + 1;

    /// <summary>What a socket's address holds (unix(7)), less the zero at its end.</summary>
    public const int MaxPathSizeBytes = 107;

    /// <summary>So much waits between both ends at most; the system may allow less.</summary>
    private const int BufferSizeBytes = 1 << 20;

    // As Linux numbers them (socket(7)).
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int CredentialsSizeBytes = 12;
    private const int UserOffset = 4;

    /// <summary>Whoever listens on this machine answers at once.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Whether this system tells who is at the other end.</summary>
    [SupportedOSPlatformGuard("linux")]
    public static bool IsSupported => OperatingSystem.IsLinux() && Socket.OSSupportsUnixDomainSockets;

    /// <summary>The user under whom this process runs.</summary>
    public static uint UserId => GetEffectiveUserId();

    /// <summary>Of any listener.</summary>
    public const string FileNamePattern = "slabs-*.sock";

    /// <summary>What the file of a listener is called. A client connects to no other: whoever names a path must not have it speak to whatever else listens on its machine.</summary>
    public static string FileNameOf(ReadOnlySpan<byte> id) => FileNamePattern.Replace("*", Convert.ToHexStringLower(id), StringComparison.Ordinal);

    public static bool Fits(string path) => Encoding.UTF8.GetByteCount(path) <= MaxPathSizeBytes;

    public static Socket Create() => SizeBuffers(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified));

    public static Socket SizeBuffers(Socket socket)
    {
        socket.SendBufferSize = BufferSizeBytes;
        return socket;
    }

    /// <summary>A connection to the listener that is meant; null when it can't be had, and TCP is to serve: the shard has no Unix socket, runs on
    /// another machine, in another container or under another user, has left its file behind, or another listens there now. Slow: who listens there may
    /// only have been busy.</summary>
    internal static async Task<(SlabSocket? Connection, bool WasSlow)> TryConnectAsync(SlabPlace place, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!IsSupported || place.SocketId.Length != IdSizeBytes || Path.GetFileName(place.SocketPath) != FileNameOf(place.SocketId.Span) || !Fits(place.SocketPath))
        {
            return default;
        }

        Socket socket = Create();
        var connection = new SlabSocket(socket);
        using var limit = new CancellationTokenSource(ConnectTimeout, time);
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(place.SocketPath), either.Token);
            if (UserAt(socket) == UserId)
            {
                await connection.GreetAsync(place.SocketId, either.Token);
                return (connection, false);
            }
        }
        catch (Exception error) when (error is SocketException or IOException or InvalidDataException or OperationCanceledException)
        {
            // TCP serves, or says what is wrong.
        }

        connection.Dispose();
        cancellationToken.ThrowIfCancellationRequested();
        return (null, limit.IsCancellationRequested);
    }

    internal static uint UserAt(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialsSizeBytes];
        socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        return BinaryPrimitives.ReadUInt32LittleEndian(credentials[UserOffset..]);
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();
}
