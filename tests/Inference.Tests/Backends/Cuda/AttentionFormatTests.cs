using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class AttentionFormatTests
{
    private static readonly KvGeometry Geometry = new(1, 2, 64);

    [Theory]
    [InlineData("raw", 16, 0, 0, 1)]
    [InlineData("int8", 8, 0, 0, 2)]
    [InlineData("int4", 4, 0, 0, 4)]
    [InlineData("int2", 2, 0, 0, 8)]
    [InlineData("zipcache(keybits=mixed,low=3)", 3, 16, 4, 4)]
    [InlineData("zipcache(choose=random,keybits=mixed,salient=0.5)", 2, 32, 4, 5)]
    [InlineData("zipcache(keybits=mixed,salient=0.2)", 2, 16, 4, 6)]
    [InlineData("zipcache", 2, 16, 4, 4, true)]
    [InlineData("zipcache(low=3,salient=0.75)", 3, 48, 4, 4, true)]
    public void TryCreate_SpecThatKernelsRead_GivesItsFormat(string spec, int bits, int salient, int high, int openWeight, bool hasSalientKeys = false)
    {
        Assert.True(AttentionFormat.TryCreate(CodecRegistry.Create(spec, Geometry), 4, out AttentionFormat? format, out string? reason), reason);
        Assert.Equal(new AttentionFormat(64, bits, salient, high, hasSalientKeys), format);
        Assert.Equal(openWeight, format.OpenWeight);
    }

    [Theory]
    [InlineData("int4(channels=plain)")]
    [InlineData("int3")]
    [InlineData("kivi4")]
    [InlineData("gear")]
    [InlineData("zipcache(keys=channel)")]
    [InlineData("zipcache(keybits=8)")]
    [InlineData("zipcache(keybits=3)")]
    [InlineData("zipcache(high=8)")]
    [InlineData("gear-l(bits=2)")]
    [InlineData("zack+int4")]
    [InlineData("kvheads+gear")]
    public void TryCreate_SpecThatTablesDescribe_IsReadByThem(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, Geometry, new RandomProfiles(Geometry));

        Assert.True(AttentionFormat.TryCreate(codec, 4, out AttentionFormat? format, out string? reason), reason);
        Assert.True(format.IsDecoded);
        StoredShape? stored = StoredShape.Of(codec, 4);
        Assert.NotNull(stored);
        Assert.InRange(stored.SharedBytes, 1, 160 << 10);
    }

    [Theory]
    [InlineData("zipcache(keybits=mixed,mode=paper)")]
    [InlineData("zipcache+gear-l")]
    public void TryCreate_SpecThatKernelsDoNotRead_IsDecodedTo16Bits(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, Geometry, new RandomProfiles(Geometry));

        Assert.True(AttentionFormat.TryCreate(codec, 4, out AttentionFormat? format, out string? reason), reason);
        Assert.Equal(new AttentionFormat(64, 16) { IsDecoded = true }, format);
        Assert.Null(StoredShape.Of(codec, 4));
        Assert.True(format.IsRaw);
    }

    [Theory]
    [InlineData("evict")]
    [InlineData("zack+evict(keep=0.5)")]
    public void TryCreate_SpecThatLeavesTokensOut_SaysSo(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, Geometry, new RandomProfiles(Geometry));

        Assert.False(AttentionFormat.TryCreate(codec, 4, out _, out string? reason));
        Assert.Contains($"'{codec.Spec}'", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void TryCreate_HeadsOfAnotherSize_SaysSo()
    {
        Assert.False(AttentionFormat.TryCreate(CodecRegistry.Create("raw", new KvGeometry(1, 2, 96)), 4, out _, out string? reason));
        Assert.Contains("96", reason, StringComparison.Ordinal);
        Assert.False(AttentionFormat.TryCreate(CodecRegistry.Create("raw", Geometry), 9, out _, out reason));
        Assert.Contains("9", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("int2")]
    [InlineData("zipcache(keybits=mixed,low=3)")]
    [InlineData("zipcache(keybits=mixed,salient=0.75)")]
    [InlineData("zipcache")]
    [InlineData("zipcache(low=3,salient=0.5)")]
    public void Place_AnyPayload_KeepsTheBytesOfBothParts(string spec)
    {
        foreach (int headSize in (int[])[64, 128])
        {
            KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, 3, headSize));
            Assert.True(AttentionFormat.TryCreate(codec, 2, out AttentionFormat? format, out _));
            PooledPayload place = PooledPayload.Of(format, 3);
            byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
            new Random(3).NextBytes(payload);
            byte[] pooled = new byte[place.StrideBytes];
            place.Place(payload, pooled);

            int salientSetBytes = format.SalientTokenCount > 0 ? sizeof(ulong) : 0;
            Assert.Equal(payload.Length, place.KeyBytes + place.ValueBytes + salientSetBytes);
            Assert.Equal((0, 0), (place.ValueOffset % 128, place.StrideBytes % 128));
            Assert.True(payload.AsSpan(0, place.KeyBytes).SequenceEqual(pooled.AsSpan(0, place.KeyBytes)));
            Assert.True(payload.AsSpan(place.KeyBytes, place.ValueBytes).SequenceEqual(pooled.AsSpan(place.ValueOffset, place.ValueBytes)));
        }
    }

    [Theory]
    [InlineData(227 << 10)]
    [InlineData(163 << 10)]
    [InlineData(99 << 10)]
    public void Choose_AnyFormat_FitsIntoSharedMemory(int sharedBytes)
    {
        foreach (int headSize in (int[])[64, 128])
        {
            foreach (string spec in (string[])["raw", "int8", "int4", "int2", "zipcache(keybits=mixed,low=3)", "zipcache(keybits=mixed,low=3,salient=0.75)", "zipcache(keybits=mixed)", "zipcache", "zipcache(low=3,salient=0.75)"])
            {
                KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, 1, headSize));
                Assert.True(AttentionFormat.TryCreate(codec, 1, out AttentionFormat? format, out _));
                AttentionShape? shape = AttentionShape.Choose(format, sharedBytes);
                Assert.NotNull(shape);
                Assert.True(shape.SharedBytes <= sharedBytes);
                Assert.True(format.IsRaw || shape.SlotCount >= 2);
            }
        }
    }
}
