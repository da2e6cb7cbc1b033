using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Blocks;

public sealed class SlabTests
{
    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    public void Verify_SoundSlab_GivesHeaderAndPayload(string spec)
    {
        (byte[] slab, SlabHeader written) = Slabs.Sealed(spec, Slabs.Geometry);
        Assert.Equal(SlabError.None, Slab.Verify(slab, Slabs.Expectation(written, Slabs.Geometry), out SlabHeader read));
        Assert.Equal(written, read);
        Assert.Equal(slab.Length, Slab.SizeBytes(read));
        Assert.True(Slab.Payload(slab, read).SequenceEqual(slab.AsSpan(128)));
    }

    [Fact]
    public void TryRead_AnyBitOfSmallSlabFlipped_Refuses()
    {
        (byte[] slab, _) = Slabs.Sealed("int4", Slabs.Geometry);
        for (int bit = 0; bit < 8 * slab.Length; bit++)
        {
            slab[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(SlabError.None, Slab.TryRead(slab, out SlabHeader header));
            Assert.Equal(default, header);
            slab[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(SlabError.None, Slab.TryRead(slab, out _));
    }

    [Fact]
    public void TryRead_RandomBitOfLargeSlabFlipped_Refuses()
    {
        (byte[] slab, _) = Slabs.Sealed("raw", new KvGeometry(2, 8, 64));
        var random = new Random(7);
        for (int i = 0; i < 500; i++)
        {
            int bit = random.Next(8 * slab.Length);
            slab[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(bit >= 8 * 128 ? SlabError.PayloadChecksum : Slab.TryReadHeader(slab, out _), Slab.TryRead(slab, out _));
            Assert.NotEqual(SlabError.None, Slab.TryRead(slab, out _));
            slab[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void TryRead_TruncatedAnywhere_IsTruncated()
    {
        (byte[] slab, _) = Slabs.Sealed("int4", Slabs.Geometry);
        for (int length = 0; length < slab.Length; length++)
        {
            Assert.Equal(SlabError.Truncated, Slab.TryRead(slab.AsSpan(0, length), out _));
        }
    }

    [Fact]
    public void TryRead_BytesAfterPayload_IsMalformed()
    {
        (byte[] slab, _) = Slabs.Sealed("int4", Slabs.Geometry);
        Assert.Equal(SlabError.MalformedPayload, Slab.TryRead([.. slab, 0], out _));
    }

    [Theory]
    [InlineData(0, 0x31, SlabError.BadMagic)]
    [InlineData(4, 2, SlabError.UnknownVersion)]
    [InlineData(6, 9, SlabError.UnknownLayout)]
    [InlineData(76, 1, SlabError.UnknownVersion)]
    [InlineData(43, 0x80, SlabError.WrongGeometry)] // layer
    [InlineData(47, 0x80, SlabError.WrongGeometry)] // first position
    [InlineData(48, 65, SlabError.WrongGeometry)] // token count
    [InlineData(48, 0, SlabError.WrongGeometry)]
    [InlineData(52, 0, SlabError.WrongGeometry)] // KV heads
    [InlineData(56, 0, SlabError.WrongGeometry)] // head size
    [InlineData(63, 0x80, SlabError.WrongGeometry)] // payload length
    [InlineData(62, 0x40, SlabError.Truncated)]
    public void TryRead_FieldUnknownUnderRightChecksum_IsNamed(int offset, byte value, SlabError expected)
    {
        (byte[] slab, _) = Slabs.Sealed("int4", Slabs.Geometry);
        slab[offset] = value;
        BinaryPrimitives.WriteUInt32LittleEndian(slab.AsSpan(124), Crc32C.Compute(slab.AsSpan(0, 124)));
        Assert.Equal(expected, Slab.TryRead(slab, out _));
    }

    public static TheoryData<string, SlabError> Foreign() => new()
    {
        { "model", SlabError.ForeignModel },
        { "codec", SlabError.ForeignCodec },
        { "heads", SlabError.WrongGeometry },
        { "head size", SlabError.WrongGeometry },
        { "tokens", SlabError.WrongGeometry },
        { "block", SlabError.WrongBlock },
        { "layer", SlabError.WrongLayer },
        { "layer count", SlabError.WrongLayer },
        { "position", SlabError.WrongPosition },
        { "nothing", SlabError.None },
    };

    [Theory]
    [MemberData(nameof(Foreign))]
    public void Verify_AnotherSlabThanAskedFor_IsNamed(string what, SlabError expected)
    {
        (byte[] slab, SlabHeader header) = Slabs.Sealed("int8", Slabs.Geometry);
        SlabExpectation asked = Slabs.Expectation(header, Slabs.Geometry);
        asked = what switch
        {
            "model" => asked with { ModelFingerprint = 5 },
            "codec" => asked with { CodecFingerprint = 5 },
            "heads" => asked with { Geometry = Slabs.Geometry with { KvHeadCount = 2 } },
            "head size" => asked with { Geometry = Slabs.Geometry with { HeadSize = 32 } },
            "tokens" => asked with { TokenCount = 63 },
            "block" => asked with { BlockId = new BlockId(5) },
            "layer" => asked with { Layer = 0 },
            "layer count" => asked with { Layer = null, Geometry = Slabs.Geometry with { LayerCount = 1 } },
            "position" => asked with { FirstPosition = 0 },
            _ => default,
        };
        Assert.Equal(expected, Slab.Verify(slab, asked, out _));
    }

    [Fact]
    public void Write_HeaderThatCannotBe_Throws()
    {
        (byte[] slab, SlabHeader header) = Slabs.Sealed("int8", Slabs.Geometry);
        Assert.Throws<ArgumentException>(() => Slab.Write(slab.AsSpan(1), header));
        Assert.Throws<ArgumentException>(() => Slab.Write(slab, header with { TokenCount = 0 }));
        Assert.Throws<ArgumentException>(() => Slab.Write(slab, header with { Layer = -1 }));
        Assert.Throws<ArgumentException>(() => Slab.Write(slab, header with { Layout = (SlabLayout)7 }));
    }

    [Fact]
    public void Text_EveryError_HasMessageAndMetricName()
    {
        SlabError[] errors = Enum.GetValues<SlabError>();
        Assert.All(errors, error => Assert.EndsWith(".", error.Message(), StringComparison.Ordinal));
        Assert.All(errors, error => Assert.Matches("^[a-z]+(_[a-z]+)*$", error.MetricName()));
        Assert.Equal(errors.Length, errors.Select(SlabErrorText.MetricName).Distinct().Count());
        Assert.Throws<ArgumentOutOfRangeException>(() => ((SlabError)99).Message());
    }
}
