using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.Compression.Blocks.Segments;

/// <summary>Files in memory that other processes may map (memfd_create(2)), sealed so that their size never changes. Linux only.</summary>
internal static unsafe partial class SharedFile
{
    // As Linux numbers them (memfd_create(2), fcntl(2), mmap(2), madvise(2), getrlimit(2)).
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const uint NeverExecutable = 8;
    private const int AddSeals = 1033;
    private const int SealedAgainstSealsShrinkingAndGrowing = 7;
    private const int FileSizeLimit = 1;
    private const int ReadWrite = 3;
    private const int Shared = 1;
    private const int Fixed = 0x10;
    private const int AdviseRemove = 9;
    private const int AdviseHugePage = 14;

    /// <summary>Room in such a file, which takes up memory only where it was written; null when this system or the limits of this process have none to give.</summary>
    public static SafeFileHandle? TryCreate(long sizeBytes)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            return null;
        }

        try
        {
            // A file beyond the limit would cost a signal.
            ResourceLimit limit;
            if (GetLimit(FileSizeLimit, &limit) != 0 || limit.Current < (ulong)sizeBytes)
            {
                return null;
            }

            int descriptor = CreateMemoryFile("kvcluster-slabs", CloseOnExec | AllowSealing | NeverExecutable);
            descriptor = descriptor >= 0 ? descriptor : CreateMemoryFile("kvcluster-slabs", CloseOnExec | AllowSealing);
            if (descriptor < 0)
            {
                return null;
            }

            var file = new SafeFileHandle(descriptor, ownsHandle: true);
            if (Truncate(file, sizeBytes) == 0 && Control(file, AddSeals, SealedAgainstSealsShrinkingAndGrowing) == 0)
            {
                return file;
            }

            file.Dispose();
            return null;
        }
        catch (EntryPointNotFoundException)
        {
            // A C library of before 2018.
            return null;
        }
    }

    /// <summary>Part of the file at a multiple of 2 MiB, writable; null when the kernel refused. <paramref name="offset"/> is a multiple of 2 MiB too.</summary>
    public static byte* TryMap(SafeFileHandle file, long offset, long sizeBytes)
    {
        byte* start = NativePages.Map(sizeBytes);
        if (MemoryMap((nint)start, (nuint)sizeBytes, ReadWrite, Shared | Fixed, file, offset) != (nint)start)
        {
            NativePages.Unmap(start, sizeBytes);
            return null;
        }

        _ = Advise((nint)start, (nuint)sizeBytes, AdviseHugePage);
        return start;
    }

    /// <summary>Frees whole pages, whoever has them mapped; they are zero when they are touched again.</summary>
    public static void Remove(byte* start, long sizeBytes) => _ = Advise((nint)start, (nuint)sizeBytes, AdviseRemove);

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(SafeFileHandle file, long sizeBytes);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, ResourceLimit* limit);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MemoryMap(nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    /// <summary>struct rlimit of 64-bit Linux.</summary>
    private struct ResourceLimit
    {
        public ulong Current;
        public ulong Most;
    }
}
