using System.Numerics.Tensors;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Backends;

/// <summary>
/// What one forward pass computes: for each entry the next tokens of one Sequence, one in decode, a chunk in prefill; one
/// batch may hold both. Made once and reused; grows to the largest step it has seen.
/// </summary>
public sealed unsafe class StepBatch
{
    private static long _lastStamp;

    private StepEntry[] _entries = new StepEntry[8];
    private int[] _tokenIds = new int[64];
    private float[] _logits = [];
    private float* _borrowed;
    private int _vocabularySize;
    private int _logitsStride;
    private long _stamp = Interlocked.Increment(ref _lastStamp);

    public int EntryCount { get; private set; }

    /// <summary>Tokens of all entries.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Computes logits after every token of entries that want logits, for likelihoods. Default: after the last only.</summary>
    public bool WantsAllLogits { get; set; }

    internal Span<StepEntry> Entries => _entries.AsSpan(0, EntryCount);

    internal ReadOnlySpan<int> TokenIds => _tokenIds.AsSpan(0, TokenCount);

    public void Clear()
    {
        Entries.Clear();
        EntryCount = 0;
        TokenCount = 0;
        _stamp = Interlocked.Increment(ref _lastStamp);
    }

    /// <summary>Adds the next tokens of a Sequence.</summary>
    /// <param name="cache">Holds everything before them; not in this batch already.</param>
    /// <param name="tokenIds">At least one; copied.</param>
    /// <param name="wantsLogits">Whether <see cref="Logits(int)"/> is needed.</param>
    /// <param name="sink">Hears of the slabs sealed in this step; may be null.</param>
    /// <param name="draw">All that is wanted of the logits after the last token is what this draws; a runner that does not draw leaves the logits.</param>
    /// <returns>Index of the entry.</returns>
    public int Add(SequenceCache cache, ReadOnlySpan<int> tokenIds, bool wantsLogits, ISlabSink? sink = null, TokenDraw? draw = null)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentOutOfRangeException.ThrowIfZero(tokenIds.Length, nameof(tokenIds));
        if (cache.BatchStamp == _stamp)
        {
            throw new ArgumentException("The sequence is in this batch already.", nameof(cache));
        }

        cache.BatchStamp = _stamp;
        Reserve(tokenIds.Length);
        _entries[EntryCount] = new StepEntry
        {
            Cache = cache,
            Sink = sink,
            FirstToken = TokenCount,
            TokenCount = tokenIds.Length,
            WantsLogits = wantsLogits,
            Draw = wantsLogits && !WantsAllLogits ? draw : null,
            DrawnToken = -1,
            FirstLogitsRow = -1,
            TopToken = -1,
        };
        tokenIds.CopyTo(_tokenIds.AsSpan(TokenCount));
        TokenCount += tokenIds.Length;
        return EntryCount++;
    }

    /// <inheritdoc cref="Add(SequenceCache, ReadOnlySpan{int}, bool, ISlabSink?, TokenDraw?)"/>
    public int Add(SequenceCache cache, int tokenId, bool wantsLogits, ISlabSink? sink = null, TokenDraw? draw = null) =>
        Add(cache, new ReadOnlySpan<int>(in tokenId), wantsLogits, sink, draw);

    /// <summary>What went wrong with an entry in the last forward pass.</summary>
    public StepFailure Failure(int entryIndex) => Entries[entryIndex].Failure;

    /// <summary>Layer and position of an entry's failure; of <see cref="StepFailure.NonFiniteKeyValue"/> alone.</summary>
    public (int Layer, int Position) FailurePlace(int entryIndex) => (Entries[entryIndex].FailedLayer, Entries[entryIndex].FailedPosition);

    /// <summary>Logits after the entry's last token, [vocabulary]. The caller may change them; valid until the next forward pass.</summary>
    /// <exception cref="InvalidOperationException">The entry failed or did not want logits.</exception>
    public Span<float> Logits(int entryIndex) =>
        Logits(entryIndex, WantsAllLogits ? Entries[entryIndex].TokenCount - 1 : 0);

    /// <summary>Logits after token <paramref name="tokenIndex"/> of the entry; needs <see cref="WantsAllLogits"/>.</summary>
    public Span<float> Logits(int entryIndex, int tokenIndex)
    {
        ref StepEntry entry = ref Entries[entryIndex];
        if (entry.FirstLogitsRow < 0 || entry.DrawnToken >= 0)
        {
            string reason = !entry.WantsLogits ? "not asked for" : entry.DrawnToken >= 0 ? "its token was drawn" : $"{entry.Failure}";
            throw new InvalidOperationException($"Entry {entryIndex} has no logits: {reason}.");
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)tokenIndex, (uint)(WantsAllLogits ? entry.TokenCount : 1), nameof(tokenIndex));
        long row = entry.FirstLogitsRow + tokenIndex;
        return _borrowed != null ? new Span<float>(_borrowed + (row * _logitsStride), _vocabularySize) : _logits.AsSpan((int)row * _logitsStride, _vocabularySize);
    }

    /// <summary>The token that was drawn for an entry; -1: none was, and <see cref="Logits(int)"/> are there if they were wanted.</summary>
    public int DrawnToken(int entryIndex) => Entries[entryIndex].DrawnToken;

    /// <summary>The token of the greatest logit after the entry's last token; of several the first.</summary>
    /// <exception cref="InvalidOperationException">The entry failed or did not want logits.</exception>
    public int TopToken(int entryIndex)
    {
        ref StepEntry entry = ref Entries[entryIndex];
        return entry.FirstLogitsRow >= 0 && entry.TopToken >= 0 ? entry.TopToken : TensorPrimitives.IndexOfMax<float>(Logits(entryIndex));
    }

    /// <summary>The rows of logits are in a runner's own memory, valid until its next forward pass.</summary>
    internal void BorrowLogits(float* logits, int vocabularySize, int rowStride)
    {
        _vocabularySize = vocabularySize;
        _logitsStride = rowStride;
        _borrowed = logits;
    }

    /// <summary>All rows of logits, contiguous; pinned, so that kernels may write through pointers.</summary>
    /// <param name="rowCount">Rows.</param>
    /// <param name="vocabularySize">Logits of a row.</param>
    /// <param name="rowStride">Floats from row to row: what the runner's kernels write.</param>
    internal Span<float> ReserveLogits(int rowCount, int vocabularySize, int rowStride)
    {
        _vocabularySize = vocabularySize;
        _logitsStride = rowStride;
        _borrowed = null;
        int length = checked(rowCount * rowStride);
        if (_logits.Length < length)
        {
            _logits = GC.AllocateUninitializedArray<float>(length, pinned: true);
        }

        return _logits.AsSpan(0, length);
    }

    private void Reserve(int newTokenCount)
    {
        if (EntryCount == _entries.Length)
        {
            Array.Resize(ref _entries, 2 * EntryCount);
        }

        if (TokenCount + newTokenCount > _tokenIds.Length)
        {
            Array.Resize(ref _tokenIds, Math.Max(2 * _tokenIds.Length, TokenCount + newTokenCount));
        }
    }
}
