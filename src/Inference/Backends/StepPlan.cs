using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends;

/// <summary>
/// Cuts the entries of a batch at Block boundaries. Each entry's tokens become segments:
/// <code>
///  Block      |        3        |        4        |    5     .
///  tokens     |  ##############|#################|#####     .
///  segment       fills 3, open    fills 4, slot 0   slot 1, becomes the open Block
/// </code>
/// </summary>
internal sealed class StepPlan
{
    private readonly IModelRunner _runner;
    private readonly int _tokensPerTile;
    private readonly Comparison<AttentionTile> _longestFirst;
    private readonly List<StepSegment> _segments = [];
    private readonly List<AttentionTile> _tiles = [];
    private readonly List<int> _appending = [];
    private readonly List<int> _sealing = [];
    private readonly List<int> _reopening = [];
    private readonly List<int> _logitsRows = [];
    private int[] _tokenIds = new int[64];
    private int[] _positions = new int[64];

    /// <param name="runner">Whose steps are planned.</param>
    /// <param name="tokensPerTile">Tokens that attend together; 0: the runner makes no use of tiles, nor of open Blocks in host memory.</param>
    public StepPlan(IModelRunner runner, int tokensPerTile)
    {
        _runner = runner;
        _tokensPerTile = tokensPerTile;
        _longestFirst = CompareCost;
    }

    /// <summary>Rows of activations: tokens of all entries that are computed.</summary>
    public int RowCount { get; private set; }

    /// <summary>Slots of 16-bit scratch, one open layer each.</summary>
    public int SlotCount { get; private set; }

    public ReadOnlySpan<StepSegment> Segments => CollectionsMarshal.AsSpan(_segments);

    /// <summary>Sorted by the length of what they attend to, longest first.</summary>
    public ReadOnlySpan<AttentionTile> Tiles => CollectionsMarshal.AsSpan(_tiles);

    /// <summary>Segments whose K and V are stored before any attention: all but lone tokens that fill no Block.</summary>
    public ReadOnlySpan<int> Appending => CollectionsMarshal.AsSpan(_appending);

    /// <summary>Segments that fill a Block, in order.</summary>
    public ReadOnlySpan<int> Sealing => CollectionsMarshal.AsSpan(_sealing);

    /// <summary>Last segments of entries that seal: after a layer's attention the open Block becomes theirs, or empty.</summary>
    public ReadOnlySpan<int> Reopening => CollectionsMarshal.AsSpan(_reopening);

    /// <summary>Rows whose logits are wanted, in the order of the logits.</summary>
    public ReadOnlySpan<int> LogitsRows => CollectionsMarshal.AsSpan(_logitsRows);

    public ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, RowCount);

    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, RowCount);

    /// <summary>Plans all entries, and seals in their caches the Blocks that will fill up. Entries that can't run get a failure.</summary>
    public void Make(StepBatch batch)
    {
        Clear();
        ReserveRows(batch.TokenCount);
        for (int i = 0; i < batch.EntryCount; i++)
        {
            ref StepEntry entry = ref batch.Entries[i];
            ReadOnlySpan<int> tokenIds = batch.TokenIds.Slice(entry.FirstToken, entry.TokenCount);
            entry.FirstLogitsRow = -1;
            entry.Failure = Check(entry, tokenIds);
            if (entry.Failure == StepFailure.None)
            {
                AddRows(ref entry, tokenIds, batch.WantsAllLogits);
                AddSegments(entry.Cache, i, tokenIds);
            }
        }

        if (_tokensPerTile > 0)
        {
            AddTiles();
        }
    }

    private void Clear()
    {
        _segments.Clear();
        _tiles.Clear();
        _appending.Clear();
        _sealing.Clear();
        _reopening.Clear();
        _logitsRows.Clear();
        RowCount = 0;
        SlotCount = 0;
    }

    private StepFailure Check(in StepEntry entry, ReadOnlySpan<int> tokenIds)
    {
        if (entry.Cache.Geometry != _runner.Geometry || entry.Cache.Codec.Fingerprint != _runner.Codec.Fingerprint)
        {
            return StepFailure.ForeignCache;
        }

        if (entry.Cache.TokenCount + tokenIds.Length > _runner.Config.MaxPositionCount)
        {
            return StepFailure.ContextExceeded;
        }

        foreach (int tokenId in tokenIds)
        {
            if ((uint)tokenId >= (uint)_runner.VocabularySize)
            {
                return StepFailure.InvalidTokenId;
            }
        }

        return StepFailure.None;
    }

    private void AddRows(ref StepEntry entry, ReadOnlySpan<int> tokenIds, bool wantsAllLogits)
    {
        if (entry.WantsLogits)
        {
            entry.FirstLogitsRow = _logitsRows.Count;
            for (int i = wantsAllLogits ? 0 : tokenIds.Length - 1; i < tokenIds.Length; i++)
            {
                _logitsRows.Add(RowCount + i);
            }
        }

        entry.FirstRow = RowCount;
        int position = entry.Cache.TokenCount;
        for (int i = 0; i < tokenIds.Length; i++)
        {
            _tokenIds[RowCount + i] = tokenIds[i];
            _positions[RowCount + i] = position + i;
        }
    }

    private void AddSegments(SequenceCache cache, int entry, ReadOnlySpan<int> tokenIds)
    {
        if (_tokensPerTile > 0)
        {
            cache.ReserveOpen();
        }

        bool isFirst = true;
        bool seals = false;
        while (tokenIds.Length > 0)
        {
            int column = cache.TailTokenCount;
            int count = Math.Min(KvGeometry.BlockTokenCount - column, tokenIds.Length);
            var segment = new StepSegment
            {
                Cache = cache,
                Entry = entry,
                FirstRow = RowCount,
                TokenCount = count,
                BlockIndex = cache.Blocks.Count,
                FirstColumn = column,
                Slot = isFirst ? -1 : SlotCount++,
            };
            if (segment.EndColumn == KvGeometry.BlockTokenCount)
            {
                segment.Sealed = cache.Seal(tokenIds[..count]);
                _sealing.Add(_segments.Count);
                seals = true;
            }
            else
            {
                cache.AppendToTail(tokenIds[..count]);
            }

            if (!segment.AppendsInAttention)
            {
                _appending.Add(_segments.Count);
            }

            _segments.Add(segment);
            RowCount += count;
            tokenIds = tokenIds[count..];
            isFirst = false;
        }

        if (seals)
        {
            _reopening.Add(_segments.Count - 1);
        }
    }

    private void AddTiles()
    {
        for (int i = 0; i < _segments.Count; i++)
        {
            for (int token = 0; token < _segments[i].TokenCount; token += _tokensPerTile)
            {
                _tiles.Add(new AttentionTile(i, token, Math.Min(_tokensPerTile, _segments[i].TokenCount - token)));
            }
        }

        _tiles.Sort(_longestFirst);
    }

    private int CompareCost(AttentionTile x, AttentionTile y)
    {
        int order = Cost(y).CompareTo(Cost(x));
        return order != 0 ? order : x.Segment != y.Segment ? x.Segment.CompareTo(y.Segment) : x.FirstToken.CompareTo(y.FirstToken);
    }

    private long Cost(AttentionTile tile) => (long)(_segments[tile.Segment].BlockIndex + 1) * tile.TokenCount;

    private void ReserveRows(int count)
    {
        if (_tokenIds.Length < count)
        {
            Array.Resize(ref _tokenIds, count);
            Array.Resize(ref _positions, count);
        }
    }
}
