using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>
/// Encodes Blocks on the device for every codec whose payloads a table describes, projections and residuals included: Kernels/encode_stored.cu. The payloads
/// are those of the codec on the CPU, byte for byte, in slabs and in pages.
/// </summary>
internal sealed class StoredEncoder : IBlockEncoder
{
    /// <summary>Items of a launch: enough to fill a device, and few enough for scratch to stay in its cache.</summary>
    private const int MaxItemCount = 64;

    private readonly StoredEncodePlan _plan;
    private readonly StoredTables _tables;
    private readonly DeviceMemory[] _places;
    private readonly CudaModule _module;
    private readonly CudaKernel? _project;
    private readonly CudaKernel _begin;
    private readonly CudaKernel? _finish;
    private readonly bool _isEarly;

    private StoredEncoder(CudaDevice device, KernelCompiler compiler, StoredTables tables, StoredEncodePlan plan)
    {
        _plan = plan;
        _tables = tables;
        _isEarly = device.StartsEarly;
        _module = compiler.Load("encode_stored.cu", plan.Defines);
        _project = plan.HasMaps ? _module.Kernel("project_stored") : null;
        _begin = _module.Kernel("begin_stored", plan.SharedBytes);
        _finish = plan.AreKeysShared || plan.AreValuesShared ? _module.Kernel("finish_stored", plan.SharedBytes) : null;
        using var stream = new CudaStream();
        _places = [.. Enumerable.Range(0, tables.Payloads.Count).Select(layer => stream.Upload(MemoryMarshal.AsBytes<EncodePlace>(plan.Layer(layer).Places)))];
    }

    /// <param name="device">Current in this thread.</param>
    /// <param name="compiler">For it.</param>
    /// <param name="codec">Whose payloads are written.</param>
    /// <param name="tables">Of it; they outlive the encoder.</param>
    /// <param name="encoder">If kernels write them.</param>
    /// <param name="reason">Else a line that says why not.</param>
    /// <exception cref="CudaException">Kernels could not be compiled or loaded, or the device has no room.</exception>
    public static bool TryCreate(
        CudaDevice device,
        KernelCompiler compiler,
        KvCodec codec,
        StoredTables tables,
        [NotNullWhen(true)] out StoredEncoder? encoder,
        [NotNullWhen(false)] out string? reason)
    {
        encoder = null;
        if (!StoredEncodePlan.TryCreate(codec, out StoredEncodePlan? plan, out reason))
        {
            return false;
        }

        if (plan.SharedBytes > device.SharedBytesPerBlock)
        {
            reason = $"The CUDA kernels do not write '{codec.Spec}': it takes {plan.SharedBytes} bytes of shared memory, and {device.Name} has {device.SharedBytesPerBlock}.";
            return false;
        }

        encoder = new StoredEncoder(device, compiler, tables, plan);
        return true;
    }

    public int SlabPayloadBytes(int layer) => _plan.Layer(layer).SizeBytes;

    public long ScratchBytes(int blockCount) => (long)sizeof(float) * _plan.ScratchFloats * Math.Min(blockCount, MaxItemCount);

    public ulong Probes(int blockIndex) => 0;

    public void Launch(CudaStream stream, int layer, in EncodeWork work)
    {
        StoredEncodeLayer places = _plan.Layer(layer);
        int heads = places.Places.Length;
        for (int first = 0; first < work.ItemCount; first += MaxItemCount)
        {
            int count = Math.Min(MaxItemCount, work.ItemCount - first);
            StoredEncodeWork stored = Work(layer, work, first, count);
            _project?.Launch(stream, places.SliceCount, count, StoredEncodePlan.ProjectThreadCount, _isEarly, stored, gridZ: 2 * heads);
            _begin.Launch(stream, heads, count, StoredEncodePlan.ThreadCount, _isEarly, stored, gridZ: 2);
            _finish?.Launch(stream, heads, count, StoredEncodePlan.ThreadCount, _isEarly, stored, gridZ: _plan.AreKeysShared && _plan.AreValuesShared ? 2 : 1);
        }
    }

    public void Dispose()
    {
        Array.ForEach(_places, places => places.Dispose());
        _module.Dispose();
    }

    /// <summary>Of some items.</summary>
    private unsafe StoredEncodeWork Work(int layer, in EncodeWork work, int first, int count) =>
        _plan.Work(layer, _tables.Layer(layer), _places[layer].Address, work with { Items = work.Items + (ulong)(first * sizeof(EncodeItem)), ItemCount = count });
}
