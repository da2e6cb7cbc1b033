using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks.Segments;

namespace KvCluster.Compression.Blocks;

/// <summary>The native, 64-byte aligned memory of one slab, and the count of leases on it. Goes round between pool and leases.</summary>
internal sealed unsafe class SlabBuffer(SlabPool pool) : MemoryManager<byte>
{
    private byte* _memory;

    [SuppressMessage("Usage", "CA2015", Justification = "Only a buffer whose leases were all leaked is finalised; see SlabLease.")]
    ~SlabBuffer() => Dispose(disposing: false);

    /// <summary>Where its memory is; null while nobody leases it. Guarded by the pool's lock.</summary>
    public SlabExtent? Extent { get; private set; }

    public int CapacityBytes { get; private set; }

    /// <summary>Where it begins in the memory of its pool that other processes may map; null when it is not in there.</summary>
    public long? SharedOffset { get; private set; }

    /// <summary>Leases outstanding. Guarded by a lock on this object.</summary>
    public int LeaseCount { get; set; }

    public void Attach(SlabExtent extent)
    {
        Extent = extent;
        CapacityBytes = (int)Math.Min(extent.SizeBytes, int.MaxValue);
        SharedOffset = extent.Segment.SharedOffset + extent.Offset;
        _memory = extent.Segment.At(extent.Offset);
    }

    public SlabExtent Detach()
    {
        SlabExtent extent = Extent!;
        Extent = null;
        _memory = null;
        return extent;
    }

    public override Span<byte> GetSpan()
    {
        byte* memory = _memory;
        ObjectDisposedException.ThrowIf(memory is null, this);
        return new Span<byte>(memory, CapacityBytes);
    }

    public Memory<byte> Slice(int sizeBytes) => CreateMemory(sizeBytes);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)CapacityBytes, nameof(elementIndex));
        return new MemoryHandle(_memory + elementIndex, pinnable: this);
    }

    /// <summary>Native memory does not move.</summary>
    public override void Unpin()
    {
    }

    public bool IsOf(SlabPool other) => pool == other;

    public void Return() => pool.Return(this);

    protected override void Dispose(bool disposing)
    {
        if (Extent is not null && !disposing)
        {
            pool.ForgetLeaked(this);
        }
    }
}
