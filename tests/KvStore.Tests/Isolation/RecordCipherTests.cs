using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Isolation;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;

namespace KvCluster.KvStore.Tests.Isolation;

public sealed class RecordCipherTests
{
    private readonly SlabPool _pool = new();

    [Fact]
    public void Encode_ThenRead_GivesTheBlockAndShowsNoneOfIt()
    {
        RecordCodec codec = Codec("a");
        byte[] record = Encode(codec, 1);
        Assert.False(TestKeys.ShowsPayload(record, 1));
        Assert.True(TestKeys.ShowsPayload(Encode(Codec(), 1), 1));
        Assert.Equal((true, RecordFault.None), Read(codec, record, 1));
    }

    [Fact]
    public void Read_AnyByteChanged_IsRefusedEvenWithRightChecksums()
    {
        RecordCodec codec = Codec("a");
        byte[] record = Encode(codec, 1);
        int tableEnd = RecordHeader.SizeBytes + (TestSlabs.LayerCount * (4 + RecordCipher.TagSizeBytes)) + RecordCipher.SaltSizeBytes;
        int bodyStart = RecordHeader.BodyOffsetOf(TestSlabs.LayerCount, isSealed: true);
        int bodyEnd = bodyStart + (TestSlabs.LayerCount * TestSlabs.SizeBytes);
        for (int at = 0; at < record.Length; at++)
        {
            foreach (bool hasRightChecksums in new[] { false, true })
            {
                byte[] changed = [.. record];
                changed[at] ^= (byte)(1 << (at % 8));
                if (hasRightChecksums)
                {
                    WriteChecksums(changed, tableEnd);
                }

                (bool isRight, RecordFault fault) = Read(codec, changed, 1);

                // What says nothing: sums that were mended, the mark that disks use, and zeros between the parts.
                bool isMended = hasRightChecksums && at is >= 48 and < 60;
                bool isChecksumOfSealed = at is >= 48 and < 52;
                bool isFiller = at is >= 60 and < 64 || (at >= tableEnd && at < bodyStart) || at >= bodyEnd;
                Assert.True(isRight ? isMended || isChecksumOfSealed || isFiller : fault != RecordFault.None, $"byte {at} was changed");
                Assert.True(isRight || !isFiller, $"byte {at} matters");
            }
        }

        Assert.Equal(0, _pool.RentedCount);
    }

    [Fact]
    public void Read_AnotherBlocksRecordUnderThisId_IsRefused()
    {
        RecordCodec codec = Codec("a");
        byte[] record = Encode(codec, 1);
        TestSlabs.Id(2).Write(record.AsSpan(8));
        WriteChecksums(record, RecordHeader.SizeBytes + (TestSlabs.LayerCount * 20) + 16);
        Assert.Equal((false, RecordFault.Damaged), Read(codec, record, 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(4097)]
    [InlineData(int.MaxValue)]
    public void Read_EntryOfNoSuchLayerCount_IsDamage(int layerCount)
    {
        RecordCodec codec = Codec("a");
        byte[] record = Encode(codec, 1);
        Assert.Equal(RecordFault.Damaged, codec.Read(new RedisRecord(record), new RecordEntry(TestSlabs.Id(1), 0, record.Length, layerCount)).Fault);
    }

    [Fact]
    public void Read_KeysOfMany_OpensWithEachKnownKeyAndMissesTheOthers()
    {
        byte[] old = Encode(Codec("a"), 1);
        byte[] young = Encode(Codec("b", "a"), 1);
        Assert.Equal((true, RecordFault.None), Read(Codec("b", "a"), old, 1));
        Assert.Equal((true, RecordFault.None), Read(Codec("b"), young, 1));
        Assert.Equal((false, RecordFault.KeyUnknown), Read(Codec("b"), old, 1));
        Assert.Equal((false, RecordFault.KeyUnknown), Read(Codec(), old, 1));

        // The right name and other bits are no damage.
        var impostor = new RecordCodec(_pool, TestKeys.CipherOf($"a={TestKeys.Base64("x")}"));
        Assert.Equal((false, RecordFault.KeyUnknown), Read(impostor, old, 1));
        old[^100] ^= 1;
        Assert.Equal((false, RecordFault.Damaged), Read(impostor, old, 1));
    }

    [Fact]
    public void Encode_ManyRecords_NoSaltAndNumberTwice()
    {
        RecordCodec codec = Codec("a");
        HashSet<string> seen = [];
        Parallel.For(0, 2000, _ =>
        {
            byte[] record = Encode(codec, 1);
            string salt = Convert.ToHexString(record.AsSpan(RecordHeader.SizeBytes + (4 * TestSlabs.LayerCount), RecordCipher.SaltSizeBytes));
            ulong number = BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(40));
            lock (seen)
            {
                Assert.True(seen.Add(salt));
                Assert.True(seen.Add($"{number}"));
            }
        });
        Assert.Equal(4000, seen.Count);
    }

    [Theory]
    [InlineData("a", "key 1 must be id=base64")]
    [InlineData("=AAAA", "key 1 must be id=base64")]
    [InlineData("a b=AAAA", "key 1 must be id=base64")]
    [InlineData("a=AAAASECRET", "key 'a' must be 32 bytes in base64")]
    [InlineData("a=AAAA", "key 'a' must be 32 bytes in base64")]
    public void TryParse_WrongKeys_SaysWhichAndShowsNoKey(string setting, string expected)
    {
        Assert.False(EncryptionKeys.TryParse(setting, out _, out string? fault));
        Assert.StartsWith(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_TheSameIdTwice_IsRefused()
    {
        Assert.False(EncryptionKeys.TryParse(TestKeys.Setting("a", "b", "a"), out _, out string? fault));
        Assert.Equal("key 'a' is there twice", fault);
        Assert.True(EncryptionKeys.TryParse("", out EncryptionKeys? none, out _));
        Assert.Null(none.Writer);
    }

    private RecordCodec Codec(params string[] ids) => new(_pool, TestKeys.Cipher(ids));

    private byte[] Encode(RecordCodec codec, int number)
    {
        using ColdBlock block = TestDisk.Block(_pool, number);
        using EncodedRecord record = codec.Encode(block);
        return record.ToArray();
    }

    /// <summary>Whether the block came out right; wrong bytes fail the test.</summary>
    private static (bool IsRight, RecordFault Fault) Read(RecordCodec codec, byte[] record, int number)
    {
        RecordRead read = codec.Read(new RedisRecord(record), TestSlabs.Id(number));
        using ColdBlock? block = read.Block;
        for (int layer = 0; layer < block?.LayerCount; layer++)
        {
            Assert.Equal(TestSlabs.Bytes(TestSlabs.Id(number), layer), block.Slabs[layer].Span.ToArray());
        }

        return (block is not null, read.Fault);
    }

    private static void WriteChecksums(byte[] record, int tableEnd)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(52), Crc32C.Compute(record.AsSpan(RecordHeader.SizeBytes, tableEnd - RecordHeader.SizeBytes)));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(56), Crc32C.Compute(record.AsSpan(0, 56)));
    }
}
