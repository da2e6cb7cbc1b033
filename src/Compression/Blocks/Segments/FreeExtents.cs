using System.Numerics;

namespace KvCluster.Compression.Blocks.Segments;

/// <summary>
/// Free extents by size: sixteen lists to each power of two, and a bit for each list that is not empty, so that one that fits is found in constant time
/// (the segregated fit of TLSF; Masmano, Ripoll, Crespo, Real, ECRTS 2004).
/// </summary>
internal sealed class FreeExtents
{
    private const int StepBits = 4;
    private const int StepCount = 1 << StepBits;
    private const int ListCount = StepCount * 26;
    private const int MaxTried = 16;

    private readonly SlabExtent?[] _lists = new SlabExtent?[ListCount];
    private readonly ulong[] _nonEmpty = new ulong[(ListCount + 63) / 64];

    public IEnumerable<SlabExtent> All
    {
        get
        {
            foreach (SlabExtent? first in _lists)
            {
                for (SlabExtent? extent = first; extent is not null; extent = extent.NextOfSize)
                {
                    yield return extent;
                }
            }
        }
    }

    public void Add(SlabExtent extent)
    {
        int list = ListOf(extent.SizeBytes);
        SlabExtent? first = _lists[list];
        extent.PreviousOfSize = null;
        extent.NextOfSize = first;
        first?.PreviousOfSize = extent;
        _lists[list] = extent;
        _nonEmpty[list / 64] |= 1UL << (list % 64);
    }

    public void Remove(SlabExtent extent)
    {
        int list = ListOf(extent.SizeBytes);
        extent.NextOfSize?.PreviousOfSize = extent.PreviousOfSize;
        if (extent.PreviousOfSize is { } previous)
        {
            previous.NextOfSize = extent.NextOfSize;
        }
        else
        {
            _lists[list] = extent.NextOfSize;
            if (extent.NextOfSize is null)
            {
                _nonEmpty[list / 64] &= ~(1UL << (list % 64));
            }
        }

        extent.PreviousOfSize = null;
        extent.NextOfSize = null;
    }

    /// <summary>A free extent of at least this size, the smallest of those looked at; null when there is none.</summary>
    public SlabExtent? Find(long sizeBytes)
    {
        for (int list = NextNonEmpty(ListOf(sizeBytes)); list >= 0; list = NextNonEmpty(list + 1))
        {
            if (SmallestOf(_lists[list], sizeBytes) is { } extent)
            {
                return extent;
            }
        }

        return null;
    }

    private static SlabExtent? SmallestOf(SlabExtent? first, long sizeBytes)
    {
        SlabExtent? best = null;
        int triedCount = 0;
        for (SlabExtent? extent = first; extent is not null && triedCount < MaxTried; extent = extent.NextOfSize, triedCount++)
        {
            if (extent.SizeBytes >= sizeBytes && (best is null || extent.SizeBytes < best.SizeBytes))
            {
                best = extent;
                if (best.SizeBytes == sizeBytes)
                {
                    break;
                }
            }
        }

        return best;
    }

    private int NextNonEmpty(int list)
    {
        for (int word = list / 64; word < _nonEmpty.Length; word++)
        {
            ulong bits = _nonEmpty[word] & (word == list / 64 ? ulong.MaxValue << (list % 64) : ulong.MaxValue);
            if (bits != 0)
            {
                return (word * 64) + BitOperations.TrailingZeroCount(bits);
            }
        }

        return -1;
    }

    private static int ListOf(long sizeBytes)
    {
        ulong granules = (ulong)sizeBytes / SlabHeap.GranuleBytes;
        int doubling = BitOperations.Log2(granules);
        int list = doubling < StepBits
            ? (int)granules
            : ((doubling - StepBits + 1) * StepCount) + (int)((granules >> (doubling - StepBits)) & (StepCount - 1));
        return Math.Min(list, ListCount - 1);
    }
}
