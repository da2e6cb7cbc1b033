using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Blocks;

public sealed class Crc32CTests
{
    private static readonly uint[] Table = BuildTable();

    public static TheoryData<byte[], uint> KnownVectors() => new()
    {
        { [], 0x00000000 },
        { Encoding.ASCII.GetBytes("123456789"), 0xE3069283 },
        { new byte[32], 0x8A9136AA }, // this and the next: RFC 3720 B.4
        { [.. Enumerable.Repeat((byte)0xFF, 32)], 0x62A8AB43 },
        { [.. Enumerable.Range(0, 32).Select(value => (byte)value)], 0x46DD794E },
        { [.. Enumerable.Range(0, 32).Select(value => (byte)(31 - value))], 0x113FDB5C },
    };

    [Theory]
    [MemberData(nameof(KnownVectors))]
    public void Compute_KnownVector_IsAsPublished(byte[] data, uint expected) => Assert.Equal(expected, Crc32C.Compute(data));

    [Fact]
    public void Compute_AnyLengthAndAlignment_EqualsTable()
    {
        byte[] data = new byte[40_000];
        new Random(1).NextBytes(data);
        var slices = from offset in Gen.Choose(0, 70)
                     from length in Gen.OneOf(Gen.Choose(0, 300), Gen.Choose(700, 900), Gen.Choose(12_000, 12_600), Gen.Choose(0, 39_900))
                     select (offset, length);
        Prop.ForAll(slices.ToArbitrary(), slice => Crc32C.Compute(data.AsSpan(slice.offset, slice.length)) == ByTable(data.AsSpan(slice.offset, slice.length)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void Append_InTwoPieces_EqualsWhole()
    {
        byte[] data = new byte[5000];
        new Random(2).NextBytes(data);
        for (int cut = 0; cut <= data.Length; cut += 97)
        {
            Assert.Equal(Crc32C.Compute(data), Crc32C.Append(Crc32C.Compute(data.AsSpan(0, cut)), data.AsSpan(cut)));
        }
    }

    private static uint ByTable(ReadOnlySpan<byte> data)
    {
        uint state = uint.MaxValue;
        foreach (byte value in data)
        {
            state = Table[(state ^ value) & 0xFF] ^ (state >> 8);
        }

        return ~state;
    }

    private static uint[] BuildTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            table[i] = i;
            for (int bit = 0; bit < 8; bit++)
            {
                table[i] = (table[i] >> 1) ^ ((table[i] & 1) * 0x82F63B78);
            }
        }

        return table;
    }
}
