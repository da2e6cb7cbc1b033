using System.Collections.Concurrent;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Ids of short pieces seen before. Stops growing at a limit instead of evicting: frequent pieces come early.</summary>
internal sealed class PieceCache
{
    private const int MaxPieceLength = 32;
    private const int MaxCount = 1 << 16;

    private readonly ConcurrentDictionary<string, int[]> _ids = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private int _count;

    public PieceCache()
    {
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public bool TryGet(ReadOnlySpan<char> piece, out ReadOnlySpan<int> ids)
    {
        ids = default;
        if (piece.Length > MaxPieceLength || !_lookup.TryGetValue(piece, out var found))
        {
            return false;
        }

        ids = found;
        return true;
    }

    public void Add(ReadOnlySpan<char> piece, ReadOnlySpan<int> ids)
    {
        if (piece.Length <= MaxPieceLength && Volatile.Read(ref _count) < MaxCount && _ids.TryAdd(piece.ToString(), ids.ToArray()))
        {
            Interlocked.Increment(ref _count);
        }
    }
}
