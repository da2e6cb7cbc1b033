using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// Pages of device memory, all of one size: a page is one Block in all layers, and has the same number in each of them. Taken from the driver once.
/// Safe for many threads.
/// </summary>
internal sealed class PagePool : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Stack<int> _free;
    private readonly DeviceMemory _memory;

    /// <param name="layerCount">Layers of a page.</param>
    /// <param name="strideBytes">Of one layer of a page.</param>
    /// <param name="pageCount">Of the pool.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public PagePool(int layerCount, long strideBytes, int pageCount)
    {
        StrideBytes = strideBytes;
        PageCount = pageCount;
        _memory = new DeviceMemory(layerCount * strideBytes * pageCount);
        _free = new Stack<int>(pageCount);
        for (int page = pageCount - 1; page >= 0; page--)
        {
            _free.Push(page);
        }
    }

    /// <summary>From page to page in a layer.</summary>
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
    public ulong Layer(int layer) => _memory.Address + (ulong)(layer * StrideBytes * PageCount);

    public ulong Page(int layer, int page) => Layer(layer) + (ulong)(page * StrideBytes);

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
