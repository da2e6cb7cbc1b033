using System.Buffers;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016): merge the pair of lowest rank, leftmost first, until none is left. Short pieces
/// are scanned, long ones use a heap, so that a piece without a break costs n log n.
/// </summary>
internal static class BpeMerger
{
    private const int ScanLimit = 32;
    private const int None = -1;

    /// <summary>Merges in place and returns how many symbols are left. Negative symbols never merge.</summary>
    public static int Merge(Span<int> symbols, MergeTable merges) =>
        symbols.Length <= ScanLimit ? MergeByScan(symbols, merges) : MergeByHeap(symbols, merges);

    /// <summary>The plain algorithm; the oracle of the heap.</summary>
    internal static int MergeByScan(Span<int> symbols, MergeTable merges)
    {
        var count = symbols.Length;
        while (true)
        {
            var (bestRank, bestId, best) = (int.MaxValue, None, None);
            for (var i = 0; i + 1 < count; i++)
            {
                if (symbols[i] >= 0 && symbols[i + 1] >= 0
                    && merges.TryGet(symbols[i], symbols[i + 1], out var rank, out var id) && rank < bestRank)
                {
                    (bestRank, bestId, best) = (rank, id, i);
                }
            }

            if (best < 0)
            {
                return count;
            }

            symbols[best] = bestId;
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            count--;
        }
    }

    internal static int MergeByHeap(Span<int> symbols, MergeTable merges)
    {
        var links = ArrayPool<int>.Shared.Rent(symbols.Length * 2);
        var next = links.AsSpan(0, symbols.Length);
        var previous = links.AsSpan(symbols.Length, symbols.Length);
        var heap = new PairHeap(symbols.Length);
        for (var i = 0; i < symbols.Length; i++)
        {
            next[i] = i + 1 < symbols.Length ? i + 1 : None;
            previous[i] = i - 1;
            Push(symbols, i, next[i], merges, ref heap);
        }

        while (heap.TryPop(out var rank, out var left))
        {
            // A pair whose symbols have merged with others meanwhile is out of date: ranks are unique to pairs.
            var right = next[left];
            if (!TryFind(symbols, left, right, merges, out var currentRank, out var id) || currentRank != rank)
            {
                continue;
            }

            symbols[left] = id;
            symbols[right] = None;
            next[left] = next[right];
            if (next[left] != None)
            {
                previous[next[left]] = left;
            }

            Push(symbols, previous[left], left, merges, ref heap);
            Push(symbols, left, next[left], merges, ref heap);
        }

        var count = 0;
        for (var i = 0; i != None; i = next[i])
        {
            symbols[count++] = symbols[i];
        }

        heap.Dispose();
        ArrayPool<int>.Shared.Return(links);
        return count;
    }

    private static void Push(ReadOnlySpan<int> symbols, int left, int right, MergeTable merges, ref PairHeap heap)
    {
        if (TryFind(symbols, left, right, merges, out var rank, out _))
        {
            heap.Push(rank, left);
        }
    }

    private static bool TryFind(ReadOnlySpan<int> symbols, int left, int right, MergeTable merges, out int rank, out int id)
    {
        (rank, id) = (0, None);
        return left >= 0 && right >= 0 && symbols[left] >= 0 && symbols[right] >= 0
            && merges.TryGet(symbols[left], symbols[right], out rank, out id);
    }
}
