using Microsoft.Win32.SafeHandles;

namespace KvCluster.KvStore.Disk.Files;

/// <summary>A file of the operating system, read and written at offsets through its page cache.</summary>
internal sealed class DiskFile : IDiskFile
{
    private readonly SafeFileHandle _handle;

    public DiskFile(string path, FileMode mode, FileAccess access = FileAccess.ReadWrite)
    {
        _handle = File.OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete);
        SizeBytes = RandomAccess.GetLength(_handle);
    }

    public long SizeBytes { get; private set; }

    public long Read(IReadOnlyList<Memory<byte>> parts, long offset)
    {
        long wanted = parts.Sum(part => (long)part.Length);
        long done = RandomAccess.Read(_handle, parts, offset);
        while (done < wanted)
        {
            // A signal or the kernel's limit on one call cuts reads short; only 0 is the end.
            long read = RandomAccess.Read(_handle, PartsFrom(parts, done), offset + done);
            if (read == 0)
            {
                break;
            }

            done += read;
        }

        return done;
    }

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> parts, long offset)
    {
        RandomAccess.Write(_handle, parts, offset);
        SizeBytes = Math.Max(SizeBytes, offset + parts.Sum(part => (long)part.Length));
    }

    public void Flush() => RandomAccess.FlushToDisk(_handle);

    public void Truncate(long sizeBytes)
    {
        RandomAccess.SetLength(_handle, sizeBytes);
        SizeBytes = sizeBytes;
    }

    public void Dispose() => _handle.Dispose();

    private static List<Memory<byte>> PartsFrom(IReadOnlyList<Memory<byte>> parts, long skipBytes)
    {
        var rest = new List<Memory<byte>>(parts.Count);
        foreach (Memory<byte> part in parts)
        {
            int skip = (int)Math.Min(skipBytes, part.Length);
            skipBytes -= skip;
            if (skip < part.Length)
            {
                rest.Add(part[skip..]);
            }
        }

        return rest;
    }
}
