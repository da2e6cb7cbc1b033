using KvCluster.Inference.Backends.Cuda.Attention;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class AttentionEntriesTests
{
    [Fact]
    public void Add_SealedAndOpenBlocks_FollowOneAnother()
    {
        var entries = new AttentionEntries(openWeight: 3);
        entries.Add([7, 5], openBlock: 2, openTokenCount: 9);
        entries.Add([], openBlock: 0, openTokenCount: 0);
        entries.Add([1], openBlock: 0, openTokenCount: 0);

        Assert.Equal([7, 5, 0x80000002, 0xC0000000, 0xC0000000, 1], entries.Entries.ToArray());
        Assert.Equal([0, 5, 5, 6], entries.Starts.ToArray());
        Assert.Equal([9, 0, 0], entries.OpenTokens.ToArray());
        Assert.Equal(3, entries.SequenceCount);
    }

    [Fact]
    public void Clear_ThenAdd_StartsAnew()
    {
        var entries = new AttentionEntries(openWeight: 1);
        entries.Add([1, 2, 3], openBlock: 0, openTokenCount: 1);
        entries.Clear();
        entries.Add([4], openBlock: 0, openTokenCount: 0);

        Assert.Equal([4u], entries.Entries.ToArray());
        Assert.Equal([0, 1], entries.Starts.ToArray());
    }

    [Fact]
    public void Add_PlacesThatDoNotFit_Throws()
    {
        var entries = new AttentionEntries(openWeight: 1);

        Assert.Throws<ArgumentOutOfRangeException>(() => entries.Add([AttentionEntries.MaxBlockIndex + 1], 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => entries.Add([-1], 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => entries.Add([], 0, 65));
    }
}
