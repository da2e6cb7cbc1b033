using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace KvCluster.Compression.Blocks;

/// <summary>Native, 64-byte aligned memory of one slab, and the count of leases on it. Goes round between pool and leases.</summary>
internal sealed unsafe class SlabBuffer : MemoryManager<byte>
{
    private const int AlignmentBytes = 64;

    private readonly SlabPool _pool;
    private byte* _memory;

    public SlabBuffer(SlabPool pool, int sizeClass, int capacityBytes)
    {
        _pool = pool;
        SizeClass = sizeClass;
        CapacityBytes = capacityBytes;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)capacityBytes, AlignmentBytes);
    }

    [SuppressMessage("Usage", "CA2015", Justification = "Only a buffer whose leases were all leaked is finalised; see SlabLease.")]
    ~SlabBuffer() => Dispose(disposing: false);

    public int SizeClass { get; }

    public int CapacityBytes { get; }

    /// <summary>Leases outstanding. Guarded by a lock on this object.</summary>
    public int LeaseCount { get; set; }

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        return new Span<byte>(_memory, CapacityBytes);
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

    public void Return() => _pool.Return(this);

    public void Free() => ((IDisposable)this).Dispose();

    protected override void Dispose(bool disposing)
    {
        if (_memory is null)
        {
            return;
        }

        NativeMemory.AlignedFree(_memory);
        _memory = null;
        if (!disposing)
        {
            _pool.ForgetLeaked(this);
        }
    }
}
