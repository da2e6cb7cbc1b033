using System.Runtime.InteropServices;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>
/// Bytes that end where readable memory ends: reading past them kills the process. On systems other than Linux, memory of their size and no more.
/// </summary>
internal sealed unsafe partial class GuardedBytes : IDisposable
{
    private const int PageSize = 4096;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private readonly byte* _region;
    private readonly nuint _regionSize;

    public GuardedBytes(ReadOnlySpan<byte> content)
    {
        Length = content.Length;
        int pages = ((content.Length + PageSize - 1) / PageSize) + 1;
        _regionSize = (nuint)(pages * PageSize);
        if (OperatingSystem.IsLinux())
        {
            _region = MemoryMap(null, _regionSize, ReadWrite, PrivateAnonymous, -1, 0);
            Assert.NotEqual(-1, (nint)_region);
            Assert.Equal(0, MemoryProtect(_region + _regionSize - PageSize, PageSize, 0));
            Start = _region + _regionSize - PageSize - content.Length;
        }
        else
        {
            _region = Start = (byte*)NativeMemory.Alloc((nuint)content.Length);
        }

        content.CopyTo(new Span<byte>(Start, Length));
    }

    public byte* Start { get; }

    public int Length { get; }

    public ReadOnlySpan<byte> Span => new(Start, Length);

    public void Dispose()
    {
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal(0, MemoryUnmap(_region, _regionSize));
        }
        else
        {
            NativeMemory.Free(_region);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* MemoryMap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int MemoryProtect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(void* address, nuint length);
}
