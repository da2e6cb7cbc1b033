using System.Collections.Concurrent;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>A slab on its way to a page.</summary>
/// <param name="Owner">Hears when it is there.</param>
/// <param name="Block">Index in the Sequence.</param>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Page">Of the Block.</param>
/// <param name="Slab">Disposed once it is copied.</param>
internal readonly record struct SlabUpload(CudaBlockUpload Owner, int Block, int Layer, int Page, SlabLease Slab);

/// <summary>Copies slabs to pages on a thread and a stream of its own, beside the steps of a runner.</summary>
internal sealed class SlabUploader : IDisposable
{
    private const int StagingBytes = 16 << 20;

    private readonly BlockingCollection<SlabUpload> _queue = [];
    private readonly List<SlabUpload> _batch = [];
    private readonly CudaDevice _device;
    private readonly BlockPages _pages;
    private readonly CudaStream _stream;
    private readonly PinnedMemory _staging;
    private readonly Thread _thread;
    private readonly int _stride;
    private readonly int _slotCount;

    /// <param name="device">Current in the calling thread.</param>
    /// <param name="pages">Outlive this.</param>
    public SlabUploader(CudaDevice device, BlockPages pages)
    {
        _device = device;
        _pages = pages;
        _stride = pages.Contents.StrideBytes;
        _slotCount = Math.Max(1, StagingBytes / _stride);
        _stream = new CudaStream();
        _staging = new PinnedMemory(_slotCount * _stride);
        _thread = new Thread(Run) { IsBackground = true, Name = "slab upload" };
        _thread.Start();
    }

    public void Queue(in SlabUpload slab) => _queue.Add(slab);

    /// <summary>Everything that was queued leaves first.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _thread.Join();
        _device.MakeCurrent();
        ((IDisposable)_staging).Dispose();
        _stream.Dispose();
        _queue.Dispose();
    }

    private void Run()
    {
        while (_queue.TryTake(out SlabUpload first, Timeout.Infinite))
        {
            _batch.Add(first);
            while (_batch.Count < _slotCount && _queue.TryTake(out SlabUpload next))
            {
                _batch.Add(next);
            }

            bool isThere = TryCopy();
            foreach (SlabUpload upload in _batch)
            {
                upload.Slab.Dispose();
                upload.Owner.OnLeft(upload.Block, isThere);
            }

            _batch.Clear();
        }
    }

    private bool TryCopy()
    {
        try
        {
            _device.MakeCurrent();
            for (int i = 0; i < _batch.Count; i++)
            {
                SlabUpload upload = _batch[i];
                if (upload.Owner.IsOver)
                {
                    continue;
                }

                Span<byte> slot = _staging.GetSpan().Slice(i * _stride, _stride);
                _pages.Contents.Write(upload.Layer, upload.Slab.Span[Slab.HeaderSizeBytes..], slot);
                _stream.CopyToDevice(_pages.Sealed.Page(upload.Layer, upload.Page), slot[..(int)_pages.Sealed.StrideOf(upload.Layer)]);
            }

            _stream.Synchronize();
            return true;
        }
        catch (Exception)
        {
            // A step that needs these Blocks copies them itself, and says what is wrong.
            return false;
        }
    }
}
