using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using KvCluster.Protocol.Streams;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>The Unix socket of a listener and its file, under a name of its own that only this user may connect to; removed with it.</summary>
internal sealed class SlabSocketFile : IDisposable
{
    /// <summary>From when its socket is made to when it listens, a file takes far less.</summary>
    private static readonly TimeSpan UnreadyAge = TimeSpan.FromMinutes(1);

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private SlabSocketFile(Socket listener, string path, byte[] id) => (Listener, Path, Id) = (listener, path, id);

    /// <summary>Listens.</summary>
    public Socket Listener { get; }

    public string Path { get; }

    /// <summary>16 random bytes: who listens here.</summary>
    public byte[] Id { get; }

    /// <summary>Makes a socket in a folder, and the folder when there is none, and removes files there whose listeners are gone.</summary>
    /// <exception cref="IOException">It can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder is another's.</exception>
    /// <exception cref="SocketException">It can't be made.</exception>
    [SupportedOSPlatform("linux")]
    public static SlabSocketFile Open(string folder, int backlog)
    {
        byte[] id = RandomNumberGenerator.GetBytes(LocalSlabSocket.IdSizeBytes);
        string path = System.IO.Path.Combine(System.IO.Path.GetFullPath(folder), LocalSlabSocket.FileNameOf(id));
        if (!LocalSlabSocket.Fits(path))
        {
            throw new IOException($"the path {path} is longer than the {LocalSlabSocket.MaxPathSizeBytes} bytes that a Unix socket's may have");
        }

        Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        RemoveStale(folder);

        // Under another name until it listens: to those who look for stale files, one that does not is stale.
        string unready = path[..^1];
        Socket listener = LocalSlabSocket.Create();
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(unready));
            File.SetUnixFileMode(unready, OwnerOnly);
            listener.Listen(backlog);
            File.Move(unready, path);
            return new SlabSocketFile(listener, path, id);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Listener.Dispose();
        if (File.Exists(Path))
        {
            File.Delete(Path);
        }
    }

    private static void RemoveStale(string folder)
    {
        // Its listener was killed before it listened.
        foreach (string path in Directory.EnumerateFiles(folder, LocalSlabSocket.FileNamePattern[..^1]).Where(path => DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > UnreadyAge))
        {
            File.Delete(path);
        }

        foreach (string path in Directory.EnumerateFiles(folder, LocalSlabSocket.FileNamePattern).Where(LocalSlabSocket.Fits))
        {
            using Socket probe = LocalSlabSocket.Create();
            probe.Blocking = false;
            try
            {
                probe.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused)
            {
                File.Delete(path);
            }
            catch (SocketException)
            {
                // Somebody listens and is busy, or it is not ours.
            }
        }
    }
}
