using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class ArenaRangesTests
{
    private const int Alignment = 16;
    private const int Size = 64 * Alignment;

    [Fact]
    public void AnySequence_OfAllocationsAndReleases_KeepsRangesApart()
    {
        Gen<int> operation = Gen.Choose(-40, 300);
        Prop.ForAll(operation.ListOf().Select(list => list.ToArray()).ToArbitrary(), Run).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(200));
    }

    [Fact]
    public void TryAllocate_AfterAllIsReleased_GivesTheWholeArena()
    {
        var ranges = new ArenaRanges(Size, Alignment);
        long[] offsets = [.. Enumerable.Range(0, 8).Select(_ => Take(ranges, Size / 8))];
        Assert.False(ranges.TryAllocate(1, out _));
        foreach (int i in (int[])[3, 1, 2, 7, 0, 5, 6, 4])
        {
            ranges.Release(offsets[i]);
            Assert.Null(ranges.CheckIntegrity());
        }

        Assert.Equal(0, Take(ranges, Size));
    }

    [Fact]
    public void Release_OfNoRange_Throws()
    {
        var ranges = new ArenaRanges(Size, Alignment);
        long offset = Take(ranges, 10);
        ranges.Release(offset);

        Assert.Throws<InvalidOperationException>(() => ranges.Release(offset));
    }

    private static long Take(ArenaRanges ranges, long size)
    {
        Assert.True(ranges.TryAllocate(size, out long offset));
        return offset;
    }

    /// <summary>Positive: allocate so many bytes; else release one of the ranges. A map of bytes is the model.</summary>
    private static bool Run(int[] operations)
    {
        var ranges = new ArenaRanges(Size, Alignment);
        var taken = new List<(long Offset, long Size)>();
        bool[] used = new bool[Size];
        foreach (int operation in operations)
        {
            if (operation > 0 && ranges.TryAllocate(operation, out long offset))
            {
                long end = offset + operation;
                if (offset % Alignment != 0 || end > Size || used.AsSpan((int)offset, operation).Contains(true))
                {
                    return false;
                }

                used.AsSpan((int)offset, operation).Fill(true);
                taken.Add((offset, operation));
            }
            else if (operation <= 0 && taken.Count > 0)
            {
                (long released, long size) = taken[-operation % taken.Count];
                taken.RemoveAt(-operation % taken.Count);
                ranges.Release(released);
                used.AsSpan((int)released, (int)size).Clear();
            }

            if (ranges.CheckIntegrity() is not null || ranges.UsedBytes < taken.Sum(range => range.Size))
            {
                return false;
            }
        }

        return true;
    }
}
