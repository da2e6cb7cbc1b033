using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Both kernels of prefill attention against sums in 64 bits over what the codec decodes; skipped without a GPU.</summary>
public sealed class PrefillAttentionTests
{
    /// <summary>Weights, and K and V of earlier Blocks, round to 16 bits.</summary>
    private const double Tolerance = 2e-3;

    private const double LogSumTolerance = 2e-2;
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int ShapeCount = 10;

    [Theory]
    [MemberData(nameof(SlabEncoderTests.Specs), MemberType = typeof(SlabEncoderTests))]
    public void Launch_RandomSequences_AgreesWithTheCodec(string spec)
    {
        CudaDevice device = Gpu.Required();
        using var stream = new CudaStream();
        using var arena = new DeviceArena(256 << 20);
        var random = new Random(41);
        for (int shape = 0; shape < ShapeCount; shape++)
        {
            KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, random.Next(1, 4), random.Next(2) == 0 ? 64 : 128));
            int group = random.Next(1, 5);
            (int New, int Blocks, int Open, bool IsLocal)[] sequences =
            [
                .. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(2) == 0
                    ? (random.Next(1, 200), random.Next(0, 4), random.Next(2) * random.Next(64), false)
                    : (random.Next(1, 300), random.Next(0, 4), 0, true)),
            ];
            Attend(device, codec, group, sequences, random, new DeviceRoom(stream, arena), stream);
        }
    }

    [Fact]
    public void Finish_SequencesOfManyLengths_ListsTheLongestTilesFirst()
    {
        var tables = new PrefillTables();
        tables.Add(300, [4, 2], 0, 0);
        tables.Add(1, [7], 5, 9);
        tables.Finish();

        Assert.Equal(301, tables.RowCount);
        Assert.Equal(201, tables.PastRowCount);
        Assert.Equal(4, tables.TileCount);
        Assert.Equal(4, tables.BlockCount);
        Assert.Equal([0, 256, 0, 128, 0, 0, 1, 0], MemoryMarshal.Cast<byte, int>(tables.Tiles).ToArray());
        Assert.Equal([0, 300, 0, 128, 300, 1, 128, 73], MemoryMarshal.Cast<byte, int>(tables.Sequences).ToArray());
        Assert.Equal([4, 0, 64, 0, 2, 64, 64, 0, 7, 128, 64, 0, unchecked((int)0x80000005), 192, 9, 0], MemoryMarshal.Cast<byte, int>(tables.Blocks).ToArray());

        tables.AddRows(7, 130, 64, 128, isLocal: true);
        Assert.Equal([7, 0x40000000 + 130, 64, 128], MemoryMarshal.Cast<byte, int>(tables.Sequences)[8..].ToArray());

        tables.Clear();
        Assert.Equal(0, tables.RowCount + tables.PastRowCount + tables.TileCount + tables.BlockCount);
    }

    private static void Attend(
        CudaDevice device, KvCodec codec, int group, (int New, int Blocks, int Open, bool IsLocal)[] sequences, Random random, DeviceRoom room, CudaStream stream)
    {
        using DeviceRoom disposed = room;
        KvGeometry geometry = codec.Geometry;
        Assert.True(AttentionFormat.TryCreate(codec, group, out AttentionFormat? format, out string? reason), reason);
        var place = PooledPayload.Of(format, geometry.KvHeadCount);
        var rows = new RandomRows(sequences.Sum(s => s.New), geometry, group, random);
        var tables = new PrefillTables();
        var pool = new List<byte>();
        var open = new List<Half>();
        var past = new List<float[]>();
        foreach ((int count, int blocks, int openTokens, bool isLocal) in sequences)
        {
            var places = new List<int>();
            int sealedBlocks = blocks + NewBlocks(count, isLocal);
            var earlier = new RandomRows((sealedBlocks + 1) * Tokens, geometry, group, random);
            for (int block = 0; block < sealedBlocks; block++)
            {
                byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
                float[] saliency = [.. Enumerable.Range(0, Tokens).Select(_ => random.NextSingle())];
                codec.Encode(0, earlier.OpenLayer(block * Tokens), saliency, payload);
                float[] layer = new float[geometry.OpenLayerLength];
                codec.Decode(0, payload, layer);
                past.Add(layer);
                places.Add(pool.Count / place.StrideBytes);
                byte[] pooled = new byte[place.StrideBytes];
                place.Place(payload, pooled);
                pool.AddRange(pooled);
            }

            int firstRow = tables.RowCount, firstPast = tables.AddPast(CollectionsMarshal.AsSpan(places), open.Count / geometry.OpenLayerLength, openTokens);
            tables.AddRows(firstRow, count, firstPast, (blocks * Tokens) + openTokens, isLocal);
            Half[] openLayer = earlier.OpenLayer(sealedBlocks * Tokens, openTokens);
            open.AddRange(openLayer);
            past.Add([.. openLayer.Select(x => (float)x)]);
        }

        tables.Finish();
        ulong values = room.Upload<Half>(rows.Values);
        long pastBytes = (long)tables.PastRowCount * geometry.ChannelCount * sizeof(ushort);
        var expand = new ExpandWork
        {
            Sealed = room.Upload<byte>(CollectionsMarshal.AsSpan(pool)),
            Open = room.Upload<Half>(CollectionsMarshal.AsSpan(open)),
            Items = room.Upload(tables.Blocks),
            Keys = room.Of(pastBytes).Address,
            Values = room.Of(pastBytes).Address,
            SealedStride = (ulong)place.StrideBytes,
            OpenStride = (ulong)geometry.OpenLayerLength * sizeof(ushort),
            KvHeadCount = geometry.KvHeadCount,
            ItemCount = tables.BlockCount,
        };
        (float[] expected, float[] expectedSums) = Oracle(rows, geometry, group, sequences, past);
        foreach (bool isPlain in (bool[])[true, false])
        {
            using var attention = new PrefillAttention(device, Gpu.Compiler(), format, isPlain);
            DeviceBuffer output = room.Of(sizeof(float) * (long)expected.Length);
            DeviceBuffer sums = room.Of(sizeof(float) * (long)expectedSums.Length);
            attention.Expand(stream, expand);
            attention.Launch(stream, new PrefillWork
            {
                Query = values,
                Key = values + (sizeof(ushort) * (ulong)rows.KeyOffset),
                Value = values + (sizeof(ushort) * (ulong)rows.ValueOffset),
                PastKey = expand.Keys,
                PastValue = expand.Values,
                Sequences = room.Upload(tables.Sequences),
                Tiles = room.Upload(tables.Tiles),
                Output = output.Address,
                LogSumExp = sums.Address,
                QueryStride = rows.Stride,
                KeyStride = rows.Stride,
                ValueStride = rows.Stride,
                RowCount = tables.RowCount,
                PastRowCount = tables.PastRowCount,
                KvHeadCount = geometry.KvHeadCount,
                GroupSize = group,
                TileCount = tables.TileCount,
                SoftmaxScale = 1 / MathF.Sqrt(geometry.HeadSize),
                Flags = AttentionWorkFlags.OutputIsSingle,
            });
            Assert.InRange(AttentionCase.Error(room.Download<float>(output, expected.Length), expected), 0, Tolerance);
            float[] found = room.Download<float>(sums, expectedSums.Length);
            Assert.InRange(found.Zip(expectedSums, (a, b) => Math.Abs((double)a - b)).Max(), 0, LogSumTolerance);
        }
    }

    /// <summary>New Blocks of a local Sequence that others of its Blocks see.</summary>
    private static int NewBlocks(int count, bool isLocal) => isLocal ? (count - 1) / Tokens : 0;

    /// <summary>[row][query head][channel], and log-sum-exp as [query head][row].</summary>
    private static (float[] Output, float[] LogSumExp) Oracle(
        RandomRows rows, KvGeometry geometry, int group, (int New, int Blocks, int Open, bool IsLocal)[] sequences, List<float[]> past)
    {
        int rowCount = sequences.Sum(s => s.New), first = 0, layer = 0;
        float[] output = new float[rowCount * rows.HeadCount * geometry.HeadSize], sums = new float[rows.HeadCount * rowCount];
        float[] column = new float[geometry.HeadSize];
        foreach ((int count, int blocks, int open, bool isLocal) in sequences)
        {
            int start = layer;
            for (int head = 0; head < rows.HeadCount; head++)
            {
                int kvHead = head / group;
                for (int i = 0; i < count; i++)
                {
                    int own = isLocal ? i / Tokens * Tokens : 0, before = (blocks * Tokens) + open + own;
                    double[] weights = new double[before + i - own + 1];
                    for (int token = 0; token < weights.Length; token++)
                    {
                        ReadOnlySpan<float> key = token < before ? Past(token, kvHead, isKey: true) : rows.Key(first + own + token - before, kvHead);
                        weights[token] = RandomRows.Dot(rows.Query(first + i, head), key) / Math.Sqrt(geometry.HeadSize);
                    }

                    sums[(head * rowCount) + first + i] = (float)RandomRows.Softmax(weights);
                    double[] result = new double[geometry.HeadSize];
                    for (int token = 0; token < weights.Length; token++)
                    {
                        ReadOnlySpan<float> value = token < before ? Past(token, kvHead, isKey: false) : rows.Value(first + own + token - before, kvHead);
                        for (int channel = 0; channel < result.Length; channel++)
                        {
                            result[channel] += weights[token] * value[channel];
                        }
                    }

                    result.Select(x => (float)x).ToArray().CopyTo(output, (((first + i) * rows.HeadCount) + head) * geometry.HeadSize);
                }
            }

            first += count;
            layer += blocks + NewBlocks(count, isLocal) + 1;
            continue;

            // Of K the channels of a token are 64 apart.
            ReadOnlySpan<float> Past(int token, int kvHead, bool isKey)
            {
                ReadOnlySpan<float> head = past[start + (token / Tokens)].AsSpan(kvHead * 2 * Tokens * geometry.HeadSize);
                if (!isKey)
                {
                    return head.Slice((Tokens + (token % Tokens)) * geometry.HeadSize, geometry.HeadSize);
                }

                for (int channel = 0; channel < column.Length; channel++)
                {
                    column[channel] = head[(channel * Tokens) + (token % Tokens)];
                }

                return column;
            }
        }

        return (output, sums);
    }
}
