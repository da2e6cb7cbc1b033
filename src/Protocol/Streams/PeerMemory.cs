using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.Protocol.Streams;

/// <summary>
/// The slab memory of whoever is at the other end of a connection, mapped to be read, and the word that says whether what was lent still holds. Connections to one process
/// share a mapping. May be disposed while a copy is made.
/// </summary>
internal sealed unsafe partial class PeerMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    // As Linux numbers them (mmap(2), madvise(2), fcntl(2), statx(2)).
    private const int ReadOnly = 1;
    private const int Shared = 1;
    private const int AdviseNoDump = 16;
    private const int GetSeals = 1034;
    private const int SealedAgainstShrinking = 2;
    private const int EmptyPath = 0x1000;
    private const uint BasicFields = 0x7ff;

    private static readonly Lock MappingsLock = new();
    private static readonly Dictionary<FileIdentity, Mapping> Mappings = [];

    private readonly Mapping _mapping;
    private readonly MemoryOffer _offer;

    private PeerMemory(Mapping mapping, MemoryOffer offer)
        : base(ownsHandle: true)
    {
        (_mapping, _offer) = (mapping, offer);
        SetHandle(mapping.Start);
    }

    /// <summary>Mappings of this process; for tests.</summary>
    public static int MappingCount
    {
        get
        {
            lock (MappingsLock)
            {
                return Mappings.Count;
            }
        }
    }

    /// <summary>Maps what a peer lends; null when this system has no room for it.</summary>
    /// <param name="file">Still the caller's, who may close it.</param>
    /// <param name="offer">What the peer says of it.</param>
    /// <exception cref="InvalidDataException">It is no memory, is smaller than said, or may shrink, whereupon reading it would end this process.</exception>
    public static PeerMemory? TryMap(SafeFileHandle file, MemoryOffer offer)
    {
        FileStatus status;
        if (Control(file, GetSeals, 0) is var seals && (seals < 0 || (seals & SealedAgainstShrinking) == 0))
        {
            throw new InvalidDataException("the other end lends a file that may shrink, or no memory");
        }

        if (Status(file, "", EmptyPath, BasicFields, &status) != 0)
        {
            return null;
        }

        if (status.SizeBytes != offer.SizeBytesLent)
        {
            throw new InvalidDataException($"the other end lends {status.SizeBytes} bytes of memory and says {offer.SizeBytesLent}");
        }

        lock (MappingsLock)
        {
            var identity = new FileIdentity(status.DeviceMajor, status.DeviceMinor, status.Inode);
            if (!Mappings.TryGetValue(identity, out Mapping? mapping))
            {
                nint start = MemoryMap(0, (nuint)status.SizeBytes, ReadOnly, Shared, file, 0);
                if (start == -1)
                {
                    return null;
                }

                // A dump of this process would bring what is not there into being.
                _ = Advise(start, (nuint)status.SizeBytes, AdviseNoDump);
                Mappings[identity] = mapping = new Mapping(identity, start, status.SizeBytes);
            }

            mapping.UserCount++;
            return new PeerMemory(mapping, offer);
        }
    }

    /// <summary>Copies a slab, which is the caller's to verify: who lends it may change it at any time.</summary>
    /// <exception cref="InvalidDataException">It does not lie in the memory lent.</exception>
    /// <exception cref="IOException">The other end has given the call up, and so perhaps overwritten what was copied.</exception>
    /// <exception cref="ObjectDisposedException">This end has.</exception>
    public void Copy(long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > _mapping.SizeBytes - destination.Length)
        {
            throw new InvalidDataException($"a slab of {destination.Length} bytes at {offset} is not in the memory that the other end lends");
        }

        bool isHeld = false;
        try
        {
            DangerousAddRef(ref isHeld);
            new ReadOnlySpan<byte>((byte*)_mapping.Start + offset, destination.Length).CopyTo(destination);
            if (!SharedSlabMemory.IsOpen((byte*)_mapping.Start, _offer.WordOffset, _offer.WordValue))
            {
                throw new IOException("the other end gave the call up");
            }
        }
        finally
        {
            if (isHeld)
            {
                DangerousRelease();
            }
        }
    }

    protected override bool ReleaseHandle()
    {
        lock (MappingsLock)
        {
            if (--_mapping.UserCount == 0)
            {
                Mappings.Remove(_mapping.Identity);
                _ = MemoryUnmap(_mapping.Start, (nuint)_mapping.SizeBytes);
            }
        }

        return true;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Status(SafeFileHandle file, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MemoryMap(nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    private readonly record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode);

    private sealed class Mapping(FileIdentity identity, nint start, long sizeBytes)
    {
        public FileIdentity Identity => identity;

        public nint Start => start;

        public long SizeBytes => sizeBytes;

        public int UserCount { get; set; }
    }

    /// <summary>struct statx.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public long SizeBytes;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
