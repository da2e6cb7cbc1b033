using System.Runtime.InteropServices;

namespace KvCluster.Compression.Blocks.Segments;

/// <summary>Memory straight from the kernel, in huge pages where it gives them. Linux only; elsewhere the C library's allocator serves.</summary>
internal static unsafe partial class NativePages
{
    public const int PageBytes = 4096;
    public const int HugePageBytes = 2 << 20;

    private const int ReadWrite = 3;
    private const int PrivateAnonymousNoReserve = 0x4022;
    private const int AdviseDontNeed = 4;
    private const int AdviseHugePage = 14;
    private const int AdviseNoHugePage = 15;

    /// <summary>Whether segments of this size are mapped, so that pages in them can be given back.</summary>
    public static bool CanMap(long sizeBytes) => OperatingSystem.IsLinux() && sizeBytes >= HugePageBytes;

    /// <summary>Zeroed memory at a multiple of 2 MiB that takes room only where it is touched.</summary>
    /// <exception cref="InsufficientMemoryException">The kernel refused.</exception>
    public static byte* Map(long sizeBytes)
    {
        nint start = MemoryMap(0, (nuint)(sizeBytes + HugePageBytes), ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        if (start == -1)
        {
            throw new InsufficientMemoryException($"The kernel gave no {sizeBytes} bytes for slabs (mmap failed with error {Marshal.GetLastPInvokeError()}).");
        }

        nint aligned = (start + HugePageBytes - 1) & -HugePageBytes;
        if (aligned > start)
        {
            _ = MemoryUnmap(start, (nuint)(aligned - start));
        }

        nint end = aligned + (nint)sizeBytes;
        nint mappedEnd = start + (nint)sizeBytes + HugePageBytes;
        if (mappedEnd > end)
        {
            _ = MemoryUnmap(end, (nuint)(mappedEnd - end));
        }

        _ = Advise(aligned, (nuint)sizeBytes, AdviseHugePage);
        return (byte*)aligned;
    }

    public static void Unmap(byte* start, long sizeBytes) => _ = MemoryUnmap((nint)start, (nuint)sizeBytes);

    /// <summary>Gives whole pages back; they are zero when they are touched again.</summary>
    public static void Discard(byte* start, long sizeBytes) => _ = Advise((nint)start, (nuint)sizeBytes, AdviseDontNeed);

    public static void ForbidHugePages(byte* start, long sizeBytes) => _ = Advise((nint)start, (nuint)sizeBytes, AdviseNoHugePage);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MemoryMap(nint address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
