using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// Pages of device memory, in a layer all of one size: a page is one Block in all layers, and has the same number in each of them. Taken from the driver once.
/// Safe for many threads.
/// </summary>
internal sealed class PagePool : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Stack<int> _free;
    private readonly DeviceMemory _memory;
    private readonly long[] _strides;
    private readonly long[] _starts;

    /// <param name="layerCount">Layers of a page.</param>
    /// <param name="strideBytes">Of one layer of a page.</param>
    /// <param name="pageCount">Of the pool.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public PagePool(int layerCount, long strideBytes, int pageCount)
        : this([.. Enumerable.Repeat(strideBytes, layerCount)], pageCount)
    {
    }

    /// <param name="strideBytes">Of a page, by layer.</param>
    /// <param name="pageCount">Of the pool.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public PagePool(IReadOnlyList<long> strideBytes, int pageCount)
    {
        _strides = [.. strideBytes];
        _starts = new long[_strides.Length];
        long end = 0;
        for (int layer = 0; layer < _strides.Length; layer++)
        {
            _starts[layer] = end;
            end += _strides[layer] * pageCount;
        }

        StrideBytes = _strides.Max();
        PageCount = pageCount;
        _memory = new DeviceMemory(end);
        _free = new Stack<int>(pageCount);
        for (int page = pageCount - 1; page >= 0; page--)
        {
            _free.Push(page);
        }
    }

    /// <summary>From page to page, in the layer where that is most.</summary>
    public long StrideBytes { get; }

    public int PageCount { get; }

    public int FreeCount
    {
        get
        {
            lock (_gate)
            {
                return _free.Count;
            }
        }
    }

    public ulong Address => _memory.Address;

    public long SizeBytes => _memory.SizeBytes;

    /// <summary>Where a layer's page 0 is.</summary>
    public ulong Layer(int layer) => _memory.Address + (ulong)_starts[layer];

    /// <summary>From page to page in a layer.</summary>
    public long StrideOf(int layer) => _strides[layer];

    public ulong Page(int layer, int page) => Layer(layer) + (ulong)(page * _strides[layer]);

    /// <summary>Contents are what the last user left.</summary>
    /// <returns>-1: there is none left.</returns>
    public int Rent()
    {
        lock (_gate)
        {
            return _free.TryPop(out int page) ? page : -1;
        }
    }

    /// <summary>The device must have ended all work on the page.</summary>
    public void Return(int page)
    {
        lock (_gate)
        {
            _free.Push(page);
        }
    }

    public void Dispose() => _memory.Dispose();
}
