using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>Encodes Blocks on the device: the payloads of the codec on the CPU, to slabs and to pages.</summary>
internal interface IBlockEncoder : IDisposable
{
    /// <summary>Bytes of a slab's payload.</summary>
    public int SlabPayloadBytes(int layer);

    /// <summary>For <see cref="EncodeWork.Scratch"/>.</summary>
    public long ScratchBytes(int blockCount);

    /// <summary>For <see cref="EncodeItem.Probes"/>: bit t says that token t is a probe; 0 when the codec has no saliency.</summary>
    /// <param name="blockIndex">Of the Block in its Sequence.</param>
    public ulong Probes(int blockIndex);

    /// <summary>Queues the encoding of all items in one layer.</summary>
    public void Launch(CudaStream stream, int layer, in EncodeWork work);
}
