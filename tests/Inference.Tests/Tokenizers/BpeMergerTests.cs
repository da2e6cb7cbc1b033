using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

public sealed class BpeMergerTests
{
    [Fact]
    public void MergeByHeap_RandomMergesAndSymbols_EqualsTheScan()
    {
        var cases =
            from seed in Gen.Choose(0, int.MaxValue)
            from length in Gen.Choose(0, 200)
            select (seed, length);
        Prop.ForAll(Arb.From(cases), item => AssertEqual(item.seed, item.length)).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    private static void AssertEqual(int seed, int length)
    {
        var random = new Random(seed);
        var symbolCount = random.Next(1, 6);
        var merges = new MergeTable(40);
        for (var rank = 0; rank < 40; rank++)
        {
            merges.Add(random.Next(symbolCount + rank), random.Next(symbolCount + rank), rank, symbolCount + rank);
        }

        int[] symbols = [.. Enumerable.Range(0, length).Select(_ => random.Next(symbolCount))];
        int[] scanned = [.. symbols];
        int[] heaped = [.. symbols];
        var scannedCount = BpeMerger.MergeByScan(scanned, merges);
        var heapedCount = length == 0 ? 0 : BpeMerger.MergeByHeap(heaped, merges);

        Assert.Equal(scanned[..scannedCount], heaped[..heapedCount]);
    }
}
