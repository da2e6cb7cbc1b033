using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Payloads of the kernels against the codec's on the CPU, byte for byte; skipped without a GPU.</summary>
public sealed class SlabEncoderTests
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int ShapeCount = 130;

    /// <summary>Of saliencies: products in the matrix units and the exponential round otherwise than on the CPU.</summary>
    private const double RelativeTolerance = 1e-4;

    public static TheoryData<string> Specs { get; } =
    [
        "raw", "int8", "int4", "int2", "zipcache", "zipcache(low=3,salient=0.75)", "zipcache(keybits=mixed,low=3)",
        "zipcache(keybits=mixed,norm=none)", "zipcache(keybits=mixed,norm=official,salient=0.5)", "zipcache(keybits=mixed,low=3,probes=1,salient=0.75)",
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
            var geometry = new KvGeometry(1, random.Next(1, 10), random.Next(2) == 0 ? 64 : 128);
            int group = random.Next(1, 9);
            KvCodec codec = CodecRegistry.Create(spec, geometry);
            Assert.True(SlabEncoder.TryCreate(device, Gpu.Compiler(), codec, group, out SlabEncoder? encoder, out string? reason), reason);
            using (encoder)
            {
                using var room = new DeviceRoom(stream, arena);
                Encode(codec, encoder, group, random.Next(0, 4), random.Next(1, 3), random, room, stream);
            }
        }
    }

    [Theory]
    [InlineData("zipcache(choose=random,keybits=mixed,low=3)")]
    [InlineData("zipcache(keybits=mixed,low=3,mode=paper)")]
    public void IsEncodable_OtherChoiceOfTokens_SaysSo(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, 2, 64));
        Assert.True(AttentionFormat.TryCreate(codec, 4, out AttentionFormat? format, out string? unread), unread);
        Assert.False(SlabEncoder.IsEncodable(codec, format, out string? reason));
        Assert.Contains($"'{codec.Spec}'", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("zipcache(keybits=mixed,low=3)")]
    public void IsEncodable_BlockLocalOrNoChoice_IsTrue(string spec)
    {
        KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, 2, 64));
        Assert.True(AttentionFormat.TryCreate(codec, 4, out AttentionFormat? format, out string? unread), unread);
        Assert.True(SlabEncoder.IsEncodable(codec, format, out string? reason), reason);
    }

    private static void Encode(KvCodec codec, SlabEncoder encoder, int group, int rowBlocks, int openBlocks, Random random, DeviceRoom room, CudaStream stream)
    {
        KvGeometry geometry = codec.Geometry;
        int count = rowBlocks + openBlocks;
        var rows = new RandomRows(count * Tokens, geometry, group, random, isExtreme: codec.Saliency is null && random.Next(2) == 0);
        int probeCount = codec.Saliency?.BlockProbes.Count ?? 0;
        int queriesStride = probeCount * rows.HeadCount * geometry.HeadSize;
        var queries = new Half[openBlocks * queriesStride];
        var open = new List<Half>();
        var items = new EncodeItem[count];
        for (int i = 0; i < count; i++)
        {
            bool isOpen = i >= rowBlocks;
            items[i] = new EncodeItem
            {
                Source = isOpen ? i - rowBlocks : i * Tokens,
                IsOpen = isOpen ? 1 : 0,
                Pooled = count - 1 - i,
                Slab = i == 1 ? EncodeItem.None : i,
                Probes = encoder.Probes(i),
                Queries = isOpen ? i - rowBlocks : EncodeItem.None,
            };
            open.AddRange(isOpen ? rows.OpenLayer(i * Tokens) : []);
            for (int probe = 0; isOpen && probe < probeCount; probe++)
            {
                int row = (i * Tokens) + codec.Saliency!.BlockProbes.Columns(i)[probe];
                rows.Values.AsSpan(row * rows.Stride, rows.KeyOffset).CopyTo(queries.AsSpan(((i - rowBlocks) * queriesStride) + (probe * rows.KeyOffset)));
            }
        }

        ulong values = room.Upload<Half>(rows.Values);
        int slabStride = (encoder.SlabPayloadBytes(0) + 63) & ~63;
        DeviceBuffer slabs = room.Of((long)count * slabStride);
        DeviceBuffer pool = room.Of((long)count * encoder.Payload.StrideBytes);
        encoder.Launch(stream, 0, new EncodeWork
        {
            Query = values,
            Key = values + (sizeof(ushort) * (ulong)rows.KeyOffset),
            Value = values + (sizeof(ushort) * (ulong)rows.ValueOffset),
            Open = room.Upload<Half>(open.ToArray()),
            Queries = room.Upload<Half>(queries),
            Sealed = pool.Address,
            Slabs = slabs.Address,
            Items = room.Upload<EncodeItem>(items),
            Scratch = room.Of(encoder.ScratchBytes(count)).Address,
            OpenStride = (ulong)geometry.OpenLayerLength * sizeof(ushort),
            QueriesStride = (ulong)queriesStride,
            SealedStride = (ulong)encoder.Payload.StrideBytes,
            SlabStride = (ulong)slabStride,
            QueryStride = rows.Stride,
            KeyStride = rows.Stride,
            ValueStride = rows.Stride,
            KvHeadCount = geometry.KvHeadCount,
            GroupSize = group,
            ItemCount = count,
            Norm = codec.Saliency?.Norm ?? SaliencyNorm.Probes,
            SoftmaxScale = 1 / MathF.Sqrt(geometry.HeadSize),
        });
        byte[] slabBytes = room.Download<byte>(slabs, count * slabStride);
        byte[] poolBytes = room.Download<byte>(pool, count * encoder.Payload.StrideBytes);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> slab = slabBytes.AsSpan(i * slabStride, encoder.SlabPayloadBytes(0));
            byte[] expected = Expected(codec, rows, group, i, slab, items[i].Slab != EncodeItem.None);
            byte[] pooled = poolBytes.AsSpan(items[i].Pooled * encoder.Payload.StrideBytes, encoder.Payload.StrideBytes).ToArray();
            byte[] place = [.. pooled];
            encoder.Payload.Place(expected, place);
            if (items[i].Slab != EncodeItem.None)
            {
                Assert.True(codec.IsWellFormed(0, slab));
                AssertSame(expected, slab, codec, i);
            }
            else
            {
                Assert.All(slab.ToArray(), x => Assert.Equal(0xFF, x));
                if (codec.Saliency is not null)
                {
                    continue;
                }
            }

            AssertSame(place, pooled, codec, i);
        }
    }

    /// <summary>The codec's payload; for mixed precision with the tokens that the kernel chose, which must be the most salient ones.</summary>
    private static byte[] Expected(KvCodec codec, RandomRows rows, int group, int block, ReadOnlySpan<byte> slab, bool isWritten)
    {
        float[] saliency = new float[Tokens];
        if (codec.Saliency is not null && isWritten)
        {
            ulong chosen = BitConverter.ToUInt64(slab[^sizeof(ulong)..]);
            double[] exact = Saliency(codec, rows, group, block);
            double least = exact.Where((_, token) => (chosen >> token & 1) == 1).DefaultIfEmpty().Min();
            double most = exact.Where((_, token) => (chosen >> token & 1) == 0).DefaultIfEmpty().Max();
            Assert.True(least >= most * (1 - RelativeTolerance), $"{codec.Spec}, {codec.Geometry}: a token of {most} was left out for one of {least}");
            saliency = [.. Enumerable.Range(0, Tokens).Select(token => (float)(chosen >> token & 1))];
        }

        byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
        Assert.Equal(payload.Length, codec.Encode(0, rows.OpenLayer(block * Tokens), saliency, payload));
        return payload;
    }

    private static double[] Saliency(KvCodec codec, RandomRows rows, int group, int block)
    {
        ReadOnlySpan<int> columns = codec.Saliency!.BlockProbes.Columns(block);
        double[] sums = new double[Tokens];
        foreach (int column in columns)
        {
            for (int head = 0; head < rows.HeadCount; head++)
            {
                double[] weights = new double[column + 1];
                for (int token = 0; token <= column; token++)
                {
                    weights[token] = RandomRows.Dot(rows.Query((block * Tokens) + column, head), rows.Key((block * Tokens) + token, head / group))
                        / Math.Sqrt(codec.Geometry.HeadSize);
                }

                RandomRows.Softmax(weights);
                for (int token = 0; token <= column; token++)
                {
                    sums[token] += weights[token];
                }
            }
        }

        float[] single = [.. sums.Select(x => (float)x)];
        SaliencySums.Normalise(single, columns, Tokens, codec.Saliency.Norm);
        return [.. single.Select(x => (double)x)];
    }

    private static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, KvCodec codec, int block)
    {
        int at = expected.CommonPrefixLength(actual);
        Assert.True(at == expected.Length && expected.Length == actual.Length, $"{codec.Spec}, {codec.Geometry}, Block {block}: byte {at} of {expected.Length} differs");
    }
}
