using System.Buffers;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// A heap of pairs that may merge, lowest rank first, then leftmost. A pair is one number, rank above position: with a
/// million of them, what a merge costs is cache misses. Four children a node for the same reason.
/// </summary>
internal ref struct PairHeap(int capacity)
{
    private const int Width = 4;

    private ulong[] _pairs = ArrayPool<ulong>.Shared.Rent(capacity);
    private int _count;

    public void Push(int rank, int position)
    {
        if (_count == _pairs.Length)
        {
            var larger = ArrayPool<ulong>.Shared.Rent(_count * 2);
            _pairs.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<ulong>.Shared.Return(_pairs);
            _pairs = larger;
        }

        var pair = ((ulong)(uint)rank << 32) | (uint)position;
        var place = _count++;
        while (place > 0 && _pairs[(place - 1) / Width] > pair)
        {
            _pairs[place] = _pairs[(place - 1) / Width];
            place = (place - 1) / Width;
        }

        _pairs[place] = pair;
    }

    public bool TryPop(out int rank, out int position)
    {
        if (_count == 0)
        {
            (rank, position) = (0, 0);
            return false;
        }

        (rank, position) = ((int)(_pairs[0] >> 32), (int)(uint)_pairs[0]);
        SinkFromTop(_pairs[--_count]);
        return true;
    }

    public readonly void Dispose() => ArrayPool<ulong>.Shared.Return(_pairs);

    private readonly void SinkFromTop(ulong pair)
    {
        var pairs = _pairs.AsSpan(0, _count);
        var place = 0;
        while (true)
        {
            var first = (place * Width) + 1;
            if (first >= pairs.Length)
            {
                break;
            }

            var least = first;
            var end = Math.Min(first + Width, pairs.Length);
            for (var child = first + 1; child < end; child++)
            {
                least = pairs[child] < pairs[least] ? child : least;
            }

            if (pairs[least] >= pair)
            {
                break;
            }

            pairs[place] = pairs[least];
            place = least;
        }

        if (place < pairs.Length)
        {
            pairs[place] = pair;
        }
    }
}
