using System.Numerics;
using System.Runtime.InteropServices;

namespace KvCluster.Compression.Blocks.Segments;

/// <summary>One large piece of native memory that slabs are rented from, and which of its pages have been touched. Guarded by the pool's lock.</summary>
internal sealed unsafe class NativeSegment : IDisposable
{
    private const int AlignmentBytes = 64;

    private readonly bool _isMapped;
    private readonly SharedSlabMemory? _shared;
    private readonly ulong[] _touched;
    private byte* _start;
    private bool _hasHoles;

    /// <param name="sizeBytes">From 2 MiB on a multiple of that.</param>
    /// <param name="shared">Where it is to lie, if it can.</param>
    public NativeSegment(long sizeBytes, SharedSlabMemory? shared = null)
    {
        SizeBytes = sizeBytes;
        _isMapped = NativePages.CanMap(sizeBytes);
        _touched = new ulong[((sizeBytes - 1) / NativePages.PageBytes / 64) + 1];
        if (shared is not null && shared.TryTake(sizeBytes, out long offset, out _start))
        {
            _shared = shared;
            SharedOffset = offset;
            return;
        }

        _start = _isMapped ? NativePages.Map(sizeBytes) : (byte*)NativeMemory.AlignedAlloc((nuint)sizeBytes, AlignmentBytes);
    }

    ~NativeSegment() => Free();

    public long SizeBytes { get; }

    /// <summary>Where it begins in the memory that other processes may map; null when it is not in there.</summary>
    public long? SharedOffset { get; }

    /// <summary>Bytes of the pages that were touched and not given back.</summary>
    public long ResidentBytes { get; private set; }

    /// <summary>The first of its extents; they follow each other without gaps.</summary>
    public SlabExtent First { get; set; } = null!;

    public byte* At(long offset) => _start + offset;

    /// <summary>The range is about to be written.</summary>
    public void Touch(long offset, long sizeBytes) => Mark(offset / NativePages.PageBytes, (offset + sizeBytes - 1) / NativePages.PageBytes, isTouched: true);

    /// <summary>Gives back the pages that lie wholly in the range.</summary>
    public void Discard(long offset, long sizeBytes)
    {
        long first = (offset + NativePages.PageBytes - 1) / NativePages.PageBytes;
        long last = ((offset + sizeBytes) / NativePages.PageBytes) - 1;
        if (!_isMapped || last < first)
        {
            return;
        }

        long before = ResidentBytes;
        Mark(first, last, isTouched: false);
        if (ResidentBytes == before)
        {
            return;
        }

        if (!_hasHoles)
        {
            // Or the kernel would fill the range up to huge pages again, and so take back what is given here.
            _hasHoles = true;
            NativePages.ForbidHugePages(_start, SizeBytes);
        }

        byte* start = At(first * NativePages.PageBytes);
        long discardedBytes = (last - first + 1) * NativePages.PageBytes;
        if (_shared is not null)
        {
            SharedFile.Remove(start, discardedBytes);
        }
        else
        {
            NativePages.Discard(start, discardedBytes);
        }

        GC.KeepAlive(this);
    }

    /// <summary>Whether every page of the range counts as touched; for integrity checks.</summary>
    public bool IsTouched(long offset, long sizeBytes)
    {
        for (long page = offset / NativePages.PageBytes; page <= (offset + sizeBytes - 1) / NativePages.PageBytes; page++)
        {
            if ((_touched[page / 64] >> (int)(page % 64) & 1) == 0)
            {
                return false;
            }
        }

        return true;
    }

    public long CountResidentBytes() => _touched.Sum(pages => (long)BitOperations.PopCount(pages)) * NativePages.PageBytes;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        byte* start = _start;
        _start = null;
        if (start is null)
        {
            return;
        }

        if (_shared is not null)
        {
            _shared.Return(SharedOffset!.Value, SizeBytes, start);
        }
        else if (_isMapped)
        {
            NativePages.Unmap(start, SizeBytes);
        }
        else
        {
            NativeMemory.AlignedFree(start);
        }
    }

    private void Mark(long firstPage, long lastPage, bool isTouched)
    {
        for (long word = firstPage / 64; word <= lastPage / 64; word++)
        {
            ulong mask = ulong.MaxValue;
            mask <<= word == firstPage / 64 ? (int)(firstPage % 64) : 0;
            mask &= word == lastPage / 64 ? ulong.MaxValue >> (63 - (int)(lastPage % 64)) : ulong.MaxValue;
            ulong before = _touched[word];
            ulong after = isTouched ? before | mask : before & ~mask;
            _touched[word] = after;
            ResidentBytes += (long)(BitOperations.PopCount(after) - BitOperations.PopCount(before)) * NativePages.PageBytes;
        }
    }
}
