using System.Reflection;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Streams;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

public sealed class SlabMessageTests
{
    [Fact]
    public void Header_WithAnyBitFlipped_IsRefused()
    {
        byte[] bytes = new byte[SlabMessageHeader.SizeBytes];
        new SlabMessageHeader { Kind = SlabMessageKind.Frame, SlabSizeBytes = 1000, Layer = 2, LayerCount = 3, Epoch = 7, BlockId = TestSlabs.Id(4) }.Write(bytes);
        Assert.Equal(1000, SlabMessageHeader.Read(bytes).SlabSizeBytes);
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<InvalidDataException>(() => SlabMessageHeader.Read(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Message_OfAnyFrame_CarriesEveryFieldOfIt()
    {
        // Every field differs from its default, so that one that a message forgets shows.
        using SlabLease slab = TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(3), 1);
        using var frame = new Protocol.SlabFrame(TestSlabs.Id(3), 1, 7, slab.Share())
        {
            Status = SlabStatus.Corrupt,
            WorkerId = "prefill-é",
            Epoch = ulong.MaxValue - 1,
            Transient = true,
            Copied = true,
            Owner = TestSlabs.Id(8),
        };
        var header = new byte[SlabMessageHeader.SizeBytes];
        (SlabMessageHeader.Of(frame) with { ExtraSizeBytes = 10 }).Write(header);
        using Protocol.SlabFrame copy = new SlabMessage(SlabMessageHeader.Read(header), "prefill-é"u8.ToArray(), slab.Share()).ToFrame();
        foreach (PropertyInfo property in typeof(Protocol.SlabFrame).GetProperties().Where(property => !property.PropertyType.IsByRefLike))
        {
            object? value = property.GetValue(frame);
            Assert.True(value is string { Length: > 0 } || (value!.GetType().IsValueType && !value.Equals(Activator.CreateInstance(value.GetType()))), $"give {property.Name} a value");
            Assert.Equal(value, property.GetValue(copy));
        }
    }
}
