using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// Blocks on the device: 16-bit pages of open Blocks, and pages that mirror slabs, encoded or as what these decode to. Of <c>raw</c> both are the same pages, so that a Block that
/// fills up stays where it is. All calls wait for the device.
/// </summary>
internal sealed unsafe class BlockPages : IDisposable
{
    /// <summary>One Sequence's, and one that a step fills.</summary>
    private const int LeastOpenPages = 2;

    private const int StagingBytes = 32 << 20;

    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private readonly KvGeometry _geometry;
    private readonly BlockProbes? _probes;
    private readonly PinnedMemory _staging;
    private readonly WriteJob _write;
    private readonly Lock _gate = new();

    /// <param name="device">Current in the calling thread.</param>
    /// <param name="codec">Of the slabs.</param>
    /// <param name="contents">What a page holds of them.</param>
    /// <param name="queryWidth">Channels of all query heads.</param>
    /// <param name="openPageCount">16-bit pages, if the codec is another one than raw.</param>
    /// <param name="budgetBytes">For all pages.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public BlockPages(CudaDevice device, KvCodec codec, PageContents contents, int queryWidth, int openPageCount, long budgetBytes)
    {
        _device = device;
        _geometry = codec.Geometry;
        Contents = contents;
        int stride = contents.StrideBytes;
        _stream = new CudaStream();
        OpenLayerBytes = _geometry.OpenLayerLength * sizeof(ushort);
        _staging = new PinnedMemory(Math.Max(StagingBytes, Math.Max(OpenLayerBytes, stride)));
        _write = new WriteJob(this, _staging.Pointer);
        IsRaw = codec.Spec == "raw";
        long openPageBytes = (long)OpenLayerBytes * _geometry.LayerCount;
        int open = (int)Math.Min(IsRaw ? int.MaxValue / 2 : openPageCount, Math.Max(IsRaw ? 1 : LeastOpenPages, budgetBytes / openPageBytes / (IsRaw ? 1 : 2)));
        Open = new PagePool(_geometry.LayerCount, OpenLayerBytes, open);
        if (codec.Saliency is { } rule)
        {
            _probes = rule.BlockProbes;
            Probes = new PagePool(_geometry.LayerCount, ProbeLayerBytes(queryWidth), Open.PageCount);
            _stream.Fill(Probes.Address, 0, Probes.SizeBytes);
        }

        long rest = budgetBytes - Open.SizeBytes - (Probes?.SizeBytes ?? 0);
        long[] strides = [.. Enumerable.Range(0, _geometry.LayerCount).Select(layer => (long)contents.StrideOf(layer))];
        Sealed = IsRaw ? Open : new PagePool(strides, (int)Math.Max(1, rest / strides.Sum()));
        _stream.Fill(Open.Address, 0, Open.SizeBytes);
        _stream.Fill(Sealed.Address, 0, Sealed.SizeBytes);
        _stream.Synchronize();
    }

    public bool IsRaw { get; }

    /// <summary>What encoded pages hold of payloads.</summary>
    public PageContents Contents { get; }

    /// <summary>K and V of one layer in 16 bits.</summary>
    public int OpenLayerBytes { get; }

    public PagePool Open { get; }

    public PagePool Sealed { get; }

    /// <summary>Queries of the probes of each 16-bit page, under its number: [probe][query heads][head size] in 16 bits. Null when the codec needs none.</summary>
    public PagePool? Probes { get; }

    /// <summary>Probes of a Block; 0 without.</summary>
    public int ProbeCount => _probes?.Count ?? 0;

    /// <summary>Columns of a Block's probes, ascending; none without.</summary>
    public ReadOnlySpan<int> ProbeColumns(int blockIndex) => _probes is null ? [] : _probes.Columns(blockIndex);

    /// <summary>Brings sealed Blocks of a cache that are not there yet to the device: fetched ones.</summary>
    /// <param name="cache">With complete Blocks.</param>
    /// <param name="sequence">Its pages.</param>
    /// <param name="blockCount">Blocks that are to be there.</param>
    /// <returns>False: there is no page left; those taken so far stay with the Sequence.</returns>
    public bool TryUpload(SequenceCache cache, CudaSequence sequence, int blockCount)
    {
        if (sequence.Sealed.Length >= blockCount)
        {
            return true;
        }

        int first = sequence.Sealed.Length;
        while (sequence.Sealed.Length < blockCount && Sealed.Rent() is var page and >= 0)
        {
            sequence.AddSealed(page);
        }

        Upload(cache, sequence, first);
        return sequence.Sealed.Length == blockCount;
    }

    /// <summary>Brings Blocks to the device that have other payloads than when they came there.</summary>
    /// <param name="cache">With complete Blocks.</param>
    /// <param name="sequence">Its pages.</param>
    /// <param name="firstBlock">The first such Block; those after it, too.</param>
    public void Refresh(SequenceCache cache, CudaSequence sequence, int firstBlock) => Upload(cache, sequence, firstBlock);

    /// <summary>
    /// Zeroes a 16-bit page that stays open: attention weighs columns past the last token with 0, which what another Sequence left must not turn to NaN.
    /// </summary>
    public void Clear(int page)
    {
        lock (_gate)
        {
            _device.MakeCurrent();
            for (int layer = 0; layer < _geometry.LayerCount; layer++)
            {
                _stream.Fill(Open.Page(layer, page), 0, OpenLayerBytes);
            }

            _stream.Synchronize();
        }
    }

    /// <summary>The host's Tail to a page.</summary>
    public void UploadTail(SequenceCache cache, int page)
    {
        lock (_gate)
        {
            _device.MakeCurrent();
            Span<byte> slot = _staging.GetSpan()[..OpenLayerBytes];
            for (int layer = 0; layer < _geometry.LayerCount; layer++)
            {
                MemoryMarshal.AsBytes(cache.OpenLayer(layer)).CopyTo(slot);
                _stream.CopyToDevice(Open.Page(layer, page), slot);
                _stream.Synchronize();
                if (Probes is not null)
                {
                    _stream.CopyToDevice(Probes.Page(layer, page), MemoryMarshal.AsBytes(cache.Probes!.Open(layer)));
                    _stream.Synchronize();
                }
            }
        }
    }

    /// <summary>A page to the host's Tail; columns past its tokens become zero.</summary>
    public void FetchTail(SequenceCache cache, int page)
    {
        lock (_gate)
        {
            _device.MakeCurrent();
            cache.ReserveOpen();
            for (int layer = 0; layer < _geometry.LayerCount; layer++)
            {
                _stream.CopyToHost(_staging.Pointer, Open.Page(layer, page), OpenLayerBytes);
                _stream.Synchronize();
                Span<Half> open = cache.OpenLayer(layer);
                _staging.GetSpan()[..OpenLayerBytes].CopyTo(MemoryMarshal.AsBytes(open));
                OpenLayers.ClearColumns(open, _geometry, cache.TailTokenCount);
                if (Probes is not null)
                {
                    Span<byte> probes = MemoryMarshal.AsBytes(cache.Probes!.Open(layer));
                    _stream.CopyToHost(_staging.Pointer, Probes.Page(layer, page), probes.Length);
                    _stream.Synchronize();
                    _staging.GetSpan()[..probes.Length].CopyTo(probes);
                }
            }
        }
    }

    public void Dispose()
    {
        ((IDisposable)_staging).Dispose();
        if (Sealed != Open)
        {
            Sealed.Dispose();
        }

        Open.Dispose();
        Probes?.Dispose();
        _stream.Dispose();
    }

    /// <summary>The Blocks from the first on that have pages.</summary>
    private void Upload(SequenceCache cache, CudaSequence sequence, int firstBlock)
    {
        lock (_gate)
        {
            _device.MakeCurrent();
            int stride = Contents.StrideBytes, layers = _geometry.LayerCount;
            int slots = _staging.Memory.Length / stride, all = (sequence.Sealed.Length - firstBlock) * layers;
            for (int first = 0; first < all; first += slots)
            {
                int count = Math.Min(slots, all - first);
                _write.Run(cache, (firstBlock * layers) + first, count);
                for (int i = 0; i < count; i++)
                {
                    (int block, int layer) = Math.DivRem((firstBlock * layers) + first + i, layers);
                    _stream.CopyToDevice(Sealed.Page(layer, sequence.Sealed[block]), _staging.GetSpan().Slice(i * stride, (int)Sealed.StrideOf(layer)));
                }

                _stream.Synchronize();
            }
        }
    }

    private long ProbeLayerBytes(int queryWidth) => (long)ProbeCount * queryWidth * sizeof(ushort);

    /// <summary>Contents of pages to where they are copied from. A task is one layer of one Block; copies of bytes are not worth other threads.</summary>
    private sealed class WriteJob(BlockPages pages, byte* staging) : ParallelJob
    {
        private SequenceCache? _cache;
        private int _first;

        public void Run(SequenceCache cache, int first, int count)
        {
            _cache = cache;
            _first = first;
            if (pages.Contents.IsDecoded)
            {
                ComputePool.Shared.Run(this, count);
                return;
            }

            for (int task = 0; task < count; task++)
            {
                Execute(task, 0);
            }
        }

        public override void Execute(int task, int worker)
        {
            (int block, int layer) = Math.DivRem(_first + task, pages._geometry.LayerCount);
            int stride = pages.Contents.StrideBytes;
            pages.Contents.Write(layer, _cache!.BlockList[block].Payload(layer), new Span<byte>(staging + ((long)task * stride), stride));
        }
    }
}
