using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Backends.Cuda.Stored;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// Attention of the longer entries of a step, by <see cref="PrefillAttention"/>. Tokens attend to all Blocks before their own in encoded form and to
/// their own in 16 bits, as on the CPU, so that what they see does not depend on how a prompt was cut. Of <c>raw</c> both are the same, and an
/// entry's tokens attend to each other; of other codecs only those of a Block do, and earlier Blocks, new or not, are turned to rows once. The few tokens
/// of a Block that an earlier step began are left to decode attention.
/// </summary>
internal sealed class PrefillStep(ModelConfig config, StepBuffers buffers, BlockPages pages, PrefillAttention attention, StoredAttention? stored) : IDisposable
{
    /// <summary>Entries of fewer tokens are left to decode attention.</summary>
    private const int LeastTokenCount = 16;

    private readonly PrefillTables _tables = new();
    private readonly DeviceTables _memory = new();
    private readonly float _softmaxScale = 1 / MathF.Sqrt(config.HeadSize);
    private DeviceMemory? _past;
    private bool[] _taken = new bool[16];
    private ulong _sequences;
    private ulong _tiles;
    private ulong _items;

    /// <summary>Rows are left to decode attention.</summary>
    public bool LeavesRows { get; private set; }

    public bool HasRows => _tables.TileCount > 0;

    /// <summary>Whether a segment of the plan is attended to here.</summary>
    public bool Takes(int segment) => _taken[segment];

    public void Begin(StepBatch batch, StepPlan plan, StepPages assigned)
    {
        _tables.Clear();
        LeavesRows = false;
        if (_taken.Length < plan.Segments.Length)
        {
            _taken = new bool[2 * plan.Segments.Length];
        }

        for (int first = 0, end; first < plan.Segments.Length; first = end)
        {
            for (end = first + 1; end < plan.Segments.Length && plan.Segments[end].Entry == plan.Segments[first].Entry; end++)
            {
            }

            ref readonly StepEntry entry = ref batch.Entries[plan.Segments[first].Entry];
            bool isUsed = entry is { Failure: StepFailure.None, TokenCount: >= LeastTokenCount };
            _taken.AsSpan(first, end - first).Fill(isUsed);
            if (isUsed)
            {
                Add(plan.Segments[first..end], first, entry.TokenCount, assigned);
            }

            LeavesRows |= _taken.AsSpan(first, end - first).Contains(false);
        }

        _tables.Finish();
    }

    /// <summary>Queues the copy of the tables.</summary>
    public void Copy(CudaStream stream)
    {
        _memory.Begin(DeviceTables.RoomOf(_tables.Sequences.Length) + DeviceTables.RoomOf(_tables.Tiles.Length) + DeviceTables.RoomOf(_tables.Blocks.Length));
        _sequences = _memory.Add(_tables.Sequences);
        _tiles = _memory.Add(_tables.Tiles);
        _items = _memory.Add(_tables.Blocks);
        _memory.Copy(stream);
        long pastBytes = 2L * Math.Max(1, _tables.PastRowCount) * buffers.KvWidth * sizeof(ushort);
        if (_past is null || _past.SizeBytes < pastBytes)
        {
            _past?.Dispose();
            _past = null;
            _past = new DeviceMemory(pastBytes + (pastBytes / 2));
        }
    }

    /// <summary>A layer's attention; its K, V and encoded Blocks are there. Overwrites the rows' output.</summary>
    public void Attend(CudaStream stream, int layer, int rows)
    {
        ulong pastValues = _past!.Address + ((ulong)_tables.PastRowCount * (ulong)buffers.KvWidth * sizeof(ushort));
        var expand = new ExpandWork
        {
            Sealed = pages.Sealed.Layer(layer),
            Open = pages.Open.Layer(layer),
            Items = _items,
            Keys = _past.Address,
            Values = pastValues,
            SealedStride = (ulong)pages.Sealed.StrideOf(layer),
            OpenStride = (ulong)pages.Open.StrideBytes,
            KvHeadCount = config.KvHeadCount,
            ItemCount = _tables.BlockCount,
        };
        if (stored is null)
        {
            attention.Expand(stream, expand);
        }
        else
        {
            stored.Expand(stream, layer, expand);
        }

        var work = new PrefillWork
        {
            Query = buffers.QueryRows,
            Key = buffers.KeyRows,
            Value = buffers.ValueRows,
            PastKey = _past.Address,
            PastValue = pastValues,
            Sequences = _sequences,
            Tiles = _tiles,
            Output = buffers.Attended,
            QueryStride = buffers.QueryWidth,
            KeyStride = buffers.KvWidth,
            ValueStride = buffers.KvWidth,
            RowCount = rows,
            PastRowCount = _tables.PastRowCount,
            KvHeadCount = config.KvHeadCount,
            GroupSize = config.HeadCount / config.KvHeadCount,
            TileCount = _tables.TileCount,
            SoftmaxScale = _softmaxScale,
        };
        attention.Launch(stream, work);
    }

    public void Dispose()
    {
        _memory.Dispose();
        _past?.Dispose();
    }

    private void Add(ReadOnlySpan<StepSegment> segments, int firstSegment, int tokenCount, StepPages assigned)
    {
        ref readonly StepSegment first = ref segments[0];
        ReadOnlySpan<int> blocks = assigned.Sequence(firstSegment).Sealed;
        if (pages.IsRaw)
        {
            int past = _tables.AddPast(blocks[..first.BlockIndex], assigned.Open(firstSegment), first.FirstColumn);
            _tables.AddRows(first.FirstRow, tokenCount, past, (first.BlockIndex * 64) + first.FirstColumn);
            return;
        }

        int begun = first.FirstColumn > 0 ? 1 : 0;
        _taken[firstSegment] = begun == 0;
        if (segments.Length > begun)
        {
            ref readonly StepSegment own = ref segments[begun];
            int past = _tables.AddPast(blocks[..segments[^1].BlockIndex], 0, 0);
            _tables.AddRows(own.FirstRow, tokenCount - (own.FirstRow - first.FirstRow), past, own.BlockIndex * 64, isLocal: true);
        }
    }
}
