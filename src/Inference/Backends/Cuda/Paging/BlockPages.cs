using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// Blocks on the device: 16-bit pages of open Blocks, and encoded pages that mirror slabs. Of <c>raw</c> both are the same pages, so that a Block that
/// fills up stays where it is. All calls wait for the device.
/// </summary>
internal sealed unsafe class BlockPages : IDisposable
{
    private const int StagingBytes = 32 << 20;

    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private readonly KvGeometry _geometry;
    private readonly PooledPayload _payload;
    private readonly PinnedMemory _staging;
    private readonly Lock _gate = new();

    /// <param name="device">Current in the calling thread.</param>
    /// <param name="codec">Of the slabs.</param>
    /// <param name="payload">How they lie in a page.</param>
    /// <param name="openPageCount">16-bit pages, if the codec is another one than raw.</param>
    /// <param name="budgetBytes">For all pages.</param>
    /// <exception cref="CudaException">The device has no room.</exception>
    public BlockPages(CudaDevice device, KvCodec codec, PooledPayload payload, int openPageCount, long budgetBytes)
    {
        _device = device;
        _geometry = codec.Geometry;
        _payload = payload;
        _stream = new CudaStream();
        OpenLayerBytes = _geometry.OpenLayerLength * sizeof(ushort);
        _staging = new PinnedMemory(Math.Max(StagingBytes, Math.Max(OpenLayerBytes, payload.StrideBytes)));
        IsRaw = codec.Spec == "raw";
        long openPageBytes = (long)OpenLayerBytes * _geometry.LayerCount;
        int open = (int)Math.Min(IsRaw ? int.MaxValue / 2 : openPageCount, Math.Max(1, budgetBytes / openPageBytes / (IsRaw ? 1 : 2)));
        Open = new PagePool(_geometry.LayerCount, OpenLayerBytes, open);
        long rest = budgetBytes - Open.SizeBytes;
        Sealed = IsRaw ? Open : new PagePool(_geometry.LayerCount, payload.StrideBytes, (int)Math.Max(1, rest / ((long)payload.StrideBytes * _geometry.LayerCount)));
        _stream.Fill(Open.Address, 0, Open.SizeBytes);
        _stream.Fill(Sealed.Address, 0, Sealed.SizeBytes);
        _stream.Synchronize();
    }

    public bool IsRaw { get; }

    /// <summary>How payloads lie in encoded pages.</summary>
    public PooledPayload Payload => _payload;

    /// <summary>K and V of one layer in 16 bits.</summary>
    public int OpenLayerBytes { get; }

    public PagePool Open { get; }

    public PagePool Sealed { get; }

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

        lock (_gate)
        {
            _device.MakeCurrent();
            int slots = _staging.Memory.Length / _payload.StrideBytes, used = 0;
            for (int index = sequence.Sealed.Length; index < blockCount; index++)
            {
                int page = Sealed.Rent();
                if (page < 0)
                {
                    _stream.Synchronize();
                    return false;
                }

                sequence.AddSealed(page);
                for (int layer = 0; layer < _geometry.LayerCount; layer++)
                {
                    if (used == slots)
                    {
                        _stream.Synchronize();
                        used = 0;
                    }

                    Span<byte> slot = _staging.GetSpan().Slice(used++ * _payload.StrideBytes, _payload.StrideBytes);
                    _payload.Place(cache.BlockList[index].Payload(layer), slot);
                    _stream.CopyToDevice(Sealed.Page(layer, page), slot);
                }
            }

            _stream.Synchronize();
            return true;
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
        _stream.Dispose();
    }
}
