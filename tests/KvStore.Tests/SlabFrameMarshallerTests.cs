using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

public sealed class SlabFrameMarshallerTests
{
    private readonly SlabPool _pool = new();

    public static TheoryData<int, int, int, int, string, ulong, bool> Frames => new()
    {
        { 0, 0, 0, 0, "", 0, false },
        { 5, 28, 1, 0, "prefill-0", 1, true },
        { 127, 128, 512, 0, "é", ulong.MaxValue, false },
        { -1, int.MinValue, 0, 3, "", 1UL << 35, false },
        { 1, 2, 1 << 20, 1, new string('x', 300), 12, true },
    };

    [Theory]
    [MemberData(nameof(Frames))]
    public void Write_AnyFrame_IsByteForByteTheGeneratedMessage(
        int layer, int layerCount, int slabSizeBytes, int status, string workerId, ulong epoch, bool isTransient)
    {
        byte[] slab = RandomBytes(slabSizeBytes);
        using Protocol.SlabFrame frame = Frame(layer, layerCount, slab, status, workerId, epoch, isTransient);
        V1.SlabFrame generated = Generated(layer, layerCount, slab, status, workerId, epoch, isTransient);

        var output = new ArrayBufferWriter<byte>();
        SlabFrameEncoding.Write(frame, output);

        Assert.Equal(generated.ToByteArray(), output.WrittenSpan.ToArray());
        Assert.Equal(output.WrittenCount, SlabFrameEncoding.SizeBytes(frame));
    }

    [Theory]
    [MemberData(nameof(Frames))]
    public void Read_GeneratedMessageInPieces_GivesItsFields(
        int layer, int layerCount, int slabSizeBytes, int status, string workerId, ulong epoch, bool isTransient)
    {
        byte[] slab = RandomBytes(slabSizeBytes);
        byte[] message = Generated(layer, layerCount, slab, status, workerId, epoch, isTransient).ToByteArray();

        foreach (int pieceSizeBytes in new[] { 1, 7, 4096, int.MaxValue })
        {
            using Protocol.SlabFrame frame = SlabFrameDecoding.Read(Pieces(message, pieceSizeBytes), _pool);
            Assert.Equal(TestSlabs.Id(3), frame.BlockId);
            Assert.Equal((layer, layerCount, (SlabStatus)status), (frame.Layer, frame.LayerCount, frame.Status));
            Assert.Equal((workerId, epoch, isTransient, !isTransient), (frame.WorkerId, frame.Epoch, frame.Transient, frame.Copied));
            Assert.Equal(isTransient ? TestSlabs.Id(8) : default, frame.Owner);
            Assert.Equal(slab, frame.SlabBytes.ToArray());
        }

        Assert.Equal(0, _pool.RentedCount);
    }

    [Fact]
    public void Read_UnknownFieldsAndRepeatedSlab_KeepsTheLast()
    {
        var unknown = new byte[] { 0x78, 0x05, 0x7D, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7A, 2, 9, 9 };
        byte[] message =
        [
            .. Generated(1, 2, [1, 2, 3], 0, "", 0, false).ToByteArray(), .. unknown,
            .. new V1.SlabFrame { Slab = ByteString.CopyFrom(4, 5) }.ToByteArray(),
        ];

        using (Protocol.SlabFrame frame = SlabFrameDecoding.Read(new ReadOnlySequence<byte>(message), _pool))
        {
            Assert.Equal([4, 5], frame.SlabBytes.ToArray());
            Assert.Equal(1, frame.Layer);
        }

        Assert.Equal(0, _pool.RentedCount);
    }

    [Fact]
    public void Read_EveryTruncationAndAnyGarbage_IsRefusedOrReadAndFreed()
    {
        byte[] message = Generated(5, 28, RandomBytes(100), 0, "prefill-0", 300, true).ToByteArray();
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bad = message[..(i < message.Length ? i : message.Length)];
            if (i >= message.Length)
            {
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            }

            try
            {
                SlabFrameDecoding.Read(new ReadOnlySequence<byte>(bad), _pool).Dispose();
            }
            catch (RpcException error)
            {
                Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            }

            Assert.Equal(0, _pool.RentedCount);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void Read_BlockIdOfAnotherLength_NamesTheField(int sizeBytes)
    {
        byte[] message = new V1.SlabFrame { BlockId = ByteString.CopyFrom(new byte[sizeBytes]), Layer = 1 }.ToByteArray();
        RpcException error = Assert.Throws<RpcException>(() => SlabFrameDecoding.Read(new ReadOnlySequence<byte>(message), _pool));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains($"block_id must be 16 bytes, not {sizeBytes}", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_BlockIdsOfWrongLength_NamesFieldAndIndex()
    {
        var ids = new Google.Protobuf.Collections.RepeatedField<ByteString> { TestSlabs.Id(1).ToByteString(), ByteString.CopyFrom(1, 2) };
        RpcException error = Assert.Throws<RpcException>(() => BlockIds.Parse(ids, "block_ids"));
        Assert.Equal("block_ids[1] must be 16 bytes, not 2", error.Status.Detail);
        Assert.Equal(TestSlabs.Id(1), BlockIds.Parse(ids[0], "tail_id"));
    }

    private Protocol.SlabFrame Frame(int layer, int layerCount, byte[] slab, int status, string workerId, ulong epoch, bool isTransient)
    {
        SlabLease? lease = slab.Length > 0 ? _pool.Rent(slab.Length) : null;
        slab.CopyTo(lease is null ? default : lease.Span);
        return new Protocol.SlabFrame(TestSlabs.Id(3), layer, layerCount, lease)
        {
            Status = (SlabStatus)status,
            WorkerId = workerId,
            Epoch = epoch,
            Transient = isTransient,
            Copied = !isTransient,
            Owner = isTransient ? TestSlabs.Id(8) : default,
        };
    }

    private static V1.SlabFrame Generated(
        int layer, int layerCount, byte[] slab, int status, string workerId, ulong epoch, bool isTransient) => new()
        {
            BlockId = TestSlabs.Id(3).ToByteString(),
            Layer = layer,
            LayerCount = layerCount,
            Slab = ByteString.CopyFrom(slab),
            Status = (SlabStatus)status,
            WorkerId = workerId,
            Epoch = epoch,
            Transient = isTransient,
            Copied = !isTransient,
            Owner = isTransient ? TestSlabs.Id(8).ToByteString() : ByteString.Empty,
        };

    private static byte[] RandomBytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static ReadOnlySequence<byte> Pieces(byte[] bytes, int pieceSizeBytes)
    {
        Piece? first = null;
        Piece? last = null;
        for (int start = 0; start < bytes.Length; start += Math.Min(pieceSizeBytes, bytes.Length - start))
        {
            last = new Piece(bytes.AsMemory(start, Math.Min(pieceSizeBytes, bytes.Length - start)), last);
            first ??= last;
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                previous.Next = this;
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
            }
        }
    }
}
