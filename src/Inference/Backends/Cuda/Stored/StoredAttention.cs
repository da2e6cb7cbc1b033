using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>
/// Attention on payloads as slabs have them, of every codec with tables: in latent channels, so that Blocks stay as small as they are stored (ZACK, arXiv
/// 2408.04107; GEAR's residual, arXiv 2403.05527). Kernels/stored_project.cu, stored_attention.cu and stored_combine.cu.
/// </summary>
internal sealed class StoredAttention : IDecodeAttention
{
    private const int ThreadCount = 128;
    private const int Alignment = 256;

    private readonly CudaModule _projectModule;
    private readonly CudaModule _attendModule;
    private readonly CudaModule _combineModule;
    private readonly CudaModule _expandModule;
    private readonly CudaKernel _project;
    private readonly CudaKernel _attend;
    private readonly CudaKernel _combine;
    private readonly CudaKernel _expand;
    private readonly StoredTables _tables;
    private readonly StoredShape _shape;
    private readonly int _kvHeadCount;
    private readonly int _groupSize;
    private readonly bool _isEarly;

    /// <param name="device">Current in this thread.</param>
    /// <param name="compiler">For it.</param>
    /// <param name="tables">Of the codec.</param>
    /// <param name="shape">Of its payloads.</param>
    /// <param name="kvHeadCount">Of the model.</param>
    /// <param name="groupSize">Query heads of a KV head.</param>
    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public StoredAttention(CudaDevice device, KernelCompiler compiler, StoredTables tables, StoredShape shape, int kvHeadCount, int groupSize)
    {
        _tables = tables;
        _shape = shape;
        _kvHeadCount = kvHeadCount;
        _groupSize = groupSize;
        _isEarly = device.StartsEarly;
        var head = new Dictionary<string, int> { ["HEAD_SIZE"] = shape.HeadSize };
        _projectModule = compiler.Load("stored_project.cu", head);
        _attendModule = compiler.Load("stored_attention.cu", shape.Defines());
        _combineModule = compiler.Load("stored_combine.cu", head);
        _expandModule = compiler.Load("stored_expand.cu", head);
        _project = _projectModule.Kernel("project", sizeof(float) * groupSize * (shape.HeadSize + shape.KeyChannelCount));
        _attend = _attendModule.Kernel("attend", shape.AttendSharedBytes);
        _expand = _expandModule.Kernel("stored_expand", shape.ExpandSharedBytes);
        int heads = tables.Payloads.Min(table => table.Heads.Count);
        ChunkCount = Math.Max(1, (device.MultiprocessorCount * Math.Max(1, _attend.ResidentBlocks(shape.ThreadCount)) + heads - 1) / heads);
        _combine = _combineModule.Kernel("combine", sizeof(float) * (shape.ValueChannelCount + ChunkCount));
    }

    public int ChunkCount { get; }

    public int OpenWeight => 1;

    private int QueryHeadCount => _kvHeadCount * _groupSize;

    public (long Partials, long States, long Scratch) RoomBytes(int sequenceCount)
    {
        long slots = (long)(ChunkCount + sequenceCount) * QueryHeadCount;
        return (slots * _shape.ValueChannelCount * sizeof(float), slots * 2 * sizeof(float), Places(0, sequenceCount).End);
    }

    public void Launch(CudaStream stream, int layer, in AttentionWork work, ulong scratch, bool isSealedStable)
    {
        if (work.SequenceCount == 0)
        {
            return;
        }

        (ulong queries, ulong scales, ulong partials, ulong states, _) = Places(scratch, work.SequenceCount);
        var all = new StoredWork
        {
            Work = work,
            Table = _tables.Staged(layer),
            Open = _tables.Open,
            Queries = queries,
            QueryScales = scales,
            OpenPartials = partials,
            OpenStates = states,
            KeyStride = _shape.KeyChannelCount,
            ValueStride = _shape.ValueChannelCount,
            StageCount = _shape.StageCount,
            StageBytes = _shape.StageBytes,
            TableBytes = _shape.TableBytes,
        };
        int blocks = (work.ChunkCount * all.Table.HeadCount) + (work.SequenceCount * _kvHeadCount);
        _project.Launch(stream, _kvHeadCount, work.SequenceCount, ThreadCount, _isEarly, all, gridZ: 2);
        _attend.Launch(stream, blocks, 1, _shape.ThreadCount, _isEarly, all);
        _combine.Launch(stream, _kvHeadCount, work.SequenceCount, ThreadCount, _isEarly, all, gridZ: _groupSize);
    }

    /// <summary>Queues the turning of earlier Blocks to rows, for prefill attention of the same layer.</summary>
    public void Expand(CudaStream stream, int layer, in ExpandWork work)
    {
        if (work.ItemCount == 0)
        {
            return;
        }

        var all = new StoredExpandWork
        {
            Table = _tables.Layer(layer),
            Sealed = work.Sealed,
            Items = work.Items,
            Keys = work.Keys,
            Values = work.Values,
            SealedStride = work.SealedStride,
            KvHeadCount = work.KvHeadCount,
            ItemCount = work.ItemCount,
        };
        _expand.Launch(stream, all.Table.HeadCount, work.ItemCount, ThreadCount, _isEarly, all, gridZ: 2);
    }

    public void Dispose()
    {
        _projectModule.Dispose();
        _attendModule.Dispose();
        _combineModule.Dispose();
        _expandModule.Dispose();
    }

    /// <summary>Of what <see cref="StoredWork"/> has beside the step's own buffers, and where it ends.</summary>
    private (ulong Queries, ulong Scales, ulong Partials, ulong States, long End) Places(ulong scratch, int sequenceCount)
    {
        long rows = (long)sequenceCount * QueryHeadCount, end = 0;
        ulong queries = Take(2 * rows * Math.Max(_shape.KeyChannelCount, _shape.HeadSize) * sizeof(ushort));
        ulong scales = Take(2 * rows * 2 * sizeof(float));
        ulong partials = Take(rows * _shape.HeadSize * sizeof(float));
        ulong states = Take(rows * 2 * sizeof(float));
        return (queries, scales, partials, states, end);

        ulong Take(long bytes)
        {
            ulong at = scratch + (ulong)end;
            end += (bytes + Alignment - 1) & -Alignment;
            return at;
        }
    }
}
