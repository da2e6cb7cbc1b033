using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>Chooses who encodes: kernels made for a few codecs, kernels that go by the codec's table, or, for what is left, the host's codec.</summary>
internal static class BlockEncoders
{
    /// <param name="device">Current in this thread.</param>
    /// <param name="compiler">For it.</param>
    /// <param name="codec">Whose payloads are written.</param>
    /// <param name="groupSize">Query heads of a KV head.</param>
    /// <param name="tables">Of the codec, where pages hold the payloads that they describe; null: they do not.</param>
    /// <returns>Null: the host's codec encodes.</returns>
    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public static IBlockEncoder? Create(CudaDevice device, KernelCompiler compiler, KvCodec codec, int groupSize, StoredTables? tables)
    {
        if (SlabEncoder.TryCreate(device, compiler, codec, groupSize, out SlabEncoder? encoder, out _))
        {
            return encoder;
        }

        return tables is not null && StoredEncoder.TryCreate(device, compiler, codec, tables, out StoredEncoder? stored, out _) ? stored : null;
    }
}
