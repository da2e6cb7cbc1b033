using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Gives every segment of a step its pages. An entry for which none are left fails alone.</summary>
internal sealed class StepPages(BlockPages pages)
{
    private readonly List<int> _temporary = [];
    private readonly List<SealingBlock> _sealing = [];
    private (int Open, CudaSequence? Sequence)[] _segments = new (int, CudaSequence?)[16];

    /// <summary>Blocks that fill up in this step, in the order of the plan; not those of entries that failed.</summary>
    public List<SealingBlock> Sealing => _sealing;

    /// <summary>16-bit page of a segment; -1: its entry failed.</summary>
    public int Open(int segment) => _segments[segment].Open;

    /// <summary>Pages of a segment's Sequence; those of Blocks that the step seals are among them.</summary>
    public CudaSequence Sequence(int segment) => _segments[segment].Sequence!;

    public void Assign(StepBatch batch, StepPlan plan)
    {
        _sealing.Clear();
        ReadOnlySpan<StepSegment> segments = plan.Segments;
        if (_segments.Length < segments.Length)
        {
            _segments = new (int, CudaSequence?)[2 * segments.Length];
        }

        for (int i = 0; i < segments.Length; i++)
        {
            ref readonly StepSegment segment = ref segments[i];
            ref StepEntry entry = ref batch.Entries[segment.Entry];
            bool isFirst = i == 0 || segments[i - 1].Entry != segment.Entry;
            CudaSequence sequence = isFirst ? Attach(segment.Cache) : Sequence(i - 1);
            _segments[i] = (-1, sequence);
            if (entry.Failure == StepFailure.None && !TryAssign(i, segment, sequence, isFirst))
            {
                entry.Failure = StepFailure.OutOfDeviceMemory;
            }
        }

        for (int i = _sealing.Count - 1; i >= 0; i--)
        {
            if (batch.Entries[_sealing[i].Entry].Failure != StepFailure.None)
            {
                _sealing.RemoveAt(i);
            }
        }
    }

    /// <summary>The device has ended the step: 16-bit pages of Blocks that are encoded now are free.</summary>
    public void Release()
    {
        _temporary.ForEach(pages.Open.Return);
        _temporary.Clear();
    }

    private bool TryAssign(int index, in StepSegment segment, CudaSequence sequence, bool isFirst)
    {
        bool isFilled = segment is { FirstColumn: 0, Sealed: not null };
        if (isFirst && !(pages.TryUpload(segment.Cache, sequence, segment.BlockIndex) && sequence.TryOpen(segment.Cache, segment.FirstColumn, isFilled)))
        {
            return false;
        }

        if (sequence.Open < 0 && !sequence.TryOpen(segment.Cache, 0, isFilled))
        {
            return false;
        }

        int open = sequence.Open;
        if (segment.Sealed is null)
        {
            sequence.OnAppended();
            _segments[index].Open = open;
            return true;
        }

        int page = pages.IsRaw ? open : pages.Sealed.Rent();
        if (page < 0)
        {
            return false;
        }

        sequence.Reopen(-1);
        sequence.AddSealed(page);
        if (!pages.IsRaw)
        {
            _temporary.Add(open);
        }

        _segments[index].Open = open;
        _sealing.Add(new SealingBlock(segment.Cache, segment.Sealed, segment.Entry, segment.BlockIndex, open, page));
        return true;
    }

    private CudaSequence Attach(SequenceCache cache)
    {
        if (cache.Mirror is CudaSequence own && own.Pages == pages)
        {
            return own;
        }

        cache.Mirror?.FetchTail(cache);
        cache.Mirror?.Dispose();
        var sequence = new CudaSequence(pages);
        cache.Mirror = sequence;
        return sequence;
    }
}

/// <summary>A Block that fills up in a step.</summary>
/// <param name="Cache">Whose it is.</param>
/// <param name="Block">Gets its slabs.</param>
/// <param name="Entry">Of the batch.</param>
/// <param name="Index">Of the Block in its Sequence.</param>
/// <param name="Open">Its 16-bit page.</param>
/// <param name="Page">Its encoded page; of raw the same.</param>
internal readonly record struct SealingBlock(SequenceCache Cache, KvBlock Block, int Entry, int Index, int Open, int Page)
{
    /// <summary>It waits, in 16 bits, for the end of its prompt (<see cref="PromptSealer"/>).</summary>
    public bool IsDeferred => Index >= Cache.FirstDeferredBlock;
}
