using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Payloads of the kernels that go by tables against the codec's on the CPU, byte for byte; on the device, and so skipped without a GPU.</summary>
public sealed class StoredEncoderTests
{
    private const int ShapeCount = 40;

    public static TheoryData<string> Specs { get; } =
    [
        "gear", "gear(bits=2)", "gear-l", "gear-l(bits=2,rank=7)", "gear(rank=0,sparse=0.3)", "gear(keys=0.1,rank=2,sparse=0.001)", "int4+gear", "raw+gear-l",
        "kcvt4", "kcvt2", "kivi2", "kivi4", "kivi2(group=64)", "int4(channels=plain)", "int8(channels=plain)", "int4", "int3", "int2",
        "zack+raw", "zack+int4", "zack+int3", "zack+gear", "zack+gear-l(bits=2)", "zack+kivi4", "kvheads", "kvheads+gear(bits=2)", "pca+waterfill",
        "pca+waterfill+gear-l",
    ];

    [Theory]
    [MemberData(nameof(Specs))]
    public void Launch_RandomBlocks_WritesTheBytesOfTheCodec(string spec)
    {
        CudaDevice device = Gpu.Required();
        using var stream = new CudaStream();
        using var arena = new DeviceArena(256 << 20);
        var random = new Random(31);
        for (int shape = 0; shape < ShapeCount; shape++)
        {
            var blocks = new StoredEncoderCase(StoredEncoderCase.CodecOf(spec, random), random);
            using var tables = new StoredTables(blocks.Codec);
            Assert.True(StoredEncoder.TryCreate(device, Gpu.Compiler(), blocks.Codec, tables, out StoredEncoder? encoder, out string? reason), reason);
            using (encoder)
            {
                using var room = new DeviceRoom(stream, arena);
                Encode(blocks, encoder, room, stream);
            }
        }
    }

    [Theory]
    [InlineData("gear", false, true, false)]
    [InlineData("gear(bits=2)", false, false, false)]
    [InlineData("kivi4", false, false, false)]
    [InlineData("int3", true, true, false)]
    [InlineData("zack+kcvt4", false, true, true)]
    public void TryCreatePlan_CodecWithTable_KnowsWhatTokensShare(string spec, bool areKeysShared, bool areValuesShared, bool hasMaps)
    {
        Assert.True(StoredEncodePlan.TryCreate(StoredEncoderCase.CodecOf(spec, new Random(6)), out StoredEncodePlan? plan, out string? reason), reason);
        Assert.Equal((areKeysShared, areValuesShared, hasMaps), (plan.AreKeysShared, plan.AreValuesShared, plan.HasMaps));
        Assert.True(plan.SharedBytes >= sizeof(float) * plan.TileFloats);
    }

    [Fact]
    public void TryCreatePlan_UnevenBytes_KnowsThePaddingOfEachTensor()
    {
        KvCodec codec = CodecRegistry.Create("int4", new KvGeometry(1, 3, 64));
        Assert.True(StoredEncodePlan.TryCreate(codec, out StoredEncodePlan? plan, out _));
        int tensor = codec.MaxPayloadSizeBytes(0) / 2;
        Assert.Equal([(tensor - 13, 13), ((2 * tensor) - 13, 13)], plan.Layer(0).Zeros);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("zipcache(keybits=mixed,keys=channel)")]
    [InlineData("zipcache+gear")]
    [InlineData("evict")]
    public void TryCreatePlan_ChosenTokensOrNoTable_SaysSo(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, 2, 64));
        Assert.False(StoredEncodePlan.TryCreate(codec, out _, out string? reason));
        Assert.Contains($"'{codec.Spec}'", reason, StringComparison.Ordinal);
    }

    private static void Encode(StoredEncoderCase blocks, StoredEncoder encoder, DeviceRoom room, CudaStream stream)
    {
        int count = blocks.Items.Length;
        ulong values = room.Upload<Half>(blocks.Rows.Values);
        DeviceBuffer slabs = room.Of((long)count * blocks.SlabStride);
        DeviceBuffer pool = room.Of((long)count * blocks.SealedStride);
        encoder.Launch(stream, blocks.Layer, new EncodeWork
        {
            Key = values + (sizeof(ushort) * (ulong)blocks.Rows.KeyOffset),
            Value = values + (sizeof(ushort) * (ulong)blocks.Rows.ValueOffset),
            Open = room.Upload<Half>(blocks.Open),
            Sealed = pool.Address,
            Slabs = slabs.Address,
            Items = room.Upload<EncodeItem>(blocks.Items),
            Scratch = room.Of(encoder.ScratchBytes(count)).Address,
            OpenStride = (ulong)blocks.Codec.Geometry.OpenLayerLength * sizeof(ushort),
            SealedStride = (ulong)blocks.SealedStride,
            SlabStride = (ulong)blocks.SlabStride,
            KeyStride = blocks.Rows.Stride,
            ValueStride = blocks.Rows.Stride,
            KvHeadCount = blocks.Codec.Geometry.KvHeadCount,
            GroupSize = 1,
            ItemCount = count,
        });
        blocks.Check(room.Download<byte>(slabs, count * blocks.SlabStride), room.Download<byte>(pool, count * blocks.SealedStride));
    }
}
