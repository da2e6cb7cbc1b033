using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>Pages of a Sequence that does not run yet. What did not get there, a step brings.</summary>
internal sealed class CudaBlockUpload : IBlockUpload
{
    private readonly Lock _gate = new();
    private readonly SlabUploader _uploader;
    private readonly BlockPages _pages;
    private readonly List<int> _rented = [];
    private readonly int[] _layersThere;
    private int _queuedCount;
    private bool _isOver;
    private TaskCompletionSource? _idle;

    /// <param name="uploader">Copies.</param>
    /// <param name="pages">Where to.</param>
    /// <param name="blockCount">Blocks that may come; admission has kept pages for them.</param>
    public CudaBlockUpload(SlabUploader uploader, BlockPages pages, int blockCount)
    {
        _uploader = uploader;
        _pages = pages;
        while (_rented.Count < blockCount && pages.Sealed.Rent() is var page and >= 0)
        {
            _rented.Add(page);
        }

        _layersThere = new int[_rented.Count];
    }

    public void Add(int block, int layer, SlabLease slab)
    {
        lock (_gate)
        {
            if (!_isOver && block < _rented.Count)
            {
                _queuedCount++;
                _uploader.Queue(new SlabUpload(this, block, layer, _rented[block], slab));
                return;
            }
        }

        slab.Dispose();
    }

    public Task IdleAsync()
    {
        lock (_gate)
        {
            return _queuedCount == 0 ? Task.CompletedTask : (_idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    public void MoveTo(SequenceCache cache)
    {
        lock (_gate)
        {
            if (_queuedCount > 0 || _isOver || cache.Mirror is not null)
            {
                throw new InvalidOperationException("Blocks are moved once, when all slabs are there, to a cache of which nothing is on a device.");
            }

            _isOver = true;
            int count = 0;
            var sequence = new CudaSequence(_pages);
            while (count < Math.Min(_rented.Count, cache.Blocks.Count) && _layersThere[count] == cache.Geometry.LayerCount)
            {
                sequence.AddSealed(_rented[count++]);
            }

            cache.Mirror = sequence;
            _rented.RemoveRange(0, count);
            ReturnPages();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            if (_queuedCount == 0)
            {
                ReturnPages();
            }
        }
    }

    /// <summary>Nobody wants the slab any more.</summary>
    internal bool IsOver => Volatile.Read(ref _isOver);

    /// <summary>The device has passed the copy of a slab, or there is none.</summary>
    internal void OnLeft(int block, bool isThere)
    {
        lock (_gate)
        {
            _layersThere[block] += isThere ? 1 : 0;
            if (--_queuedCount == 0)
            {
                if (_isOver)
                {
                    ReturnPages();
                }

                _idle?.TrySetResult();
                _idle = null;
            }
        }
    }

    private void ReturnPages()
    {
        _rented.ForEach(_pages.Sealed.Return);
        _rented.Clear();
    }
}
