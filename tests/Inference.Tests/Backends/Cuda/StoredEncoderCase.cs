using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Some random Blocks for a codec, in rows and open, and what their payloads must be: those of the codec on the CPU.</summary>
internal sealed class StoredEncoderCase
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int MaxGroupHeadCount = 5;
    private const byte Poison = 0xFF;

    private readonly int _layer;
    private readonly Half[][] _layers;

    /// <param name="codec">Of the payloads.</param>
    /// <param name="random">Of everything else.</param>
    public StoredEncoderCase(KvCodec codec, Random random)
    {
        Codec = codec;
        _layer = random.Next(codec.Geometry.LayerCount);
        int rowBlocks = random.Next(0, 4), openBlocks = random.Next(rowBlocks == 0 ? 1 : 0, 3);
        Rows = new RandomRows((rowBlocks + openBlocks) * Tokens, codec.Geometry, 1, random, isExtreme: random.Next(4) == 0);
        Degrade(random);
        Items = new EncodeItem[rowBlocks + openBlocks];
        _layers = [.. Items.Select((_, i) => Rows.OpenLayer(i * Tokens))];
        Open = [.. _layers.Skip(rowBlocks).SelectMany(values => values)];
        for (int i = 0; i < Items.Length; i++)
        {
            bool isOpen = i >= rowBlocks;
            Items[i] = new EncodeItem
            {
                Source = isOpen ? i - rowBlocks : i * Tokens,
                IsOpen = isOpen ? 1 : 0,
                Pooled = i == 2 ? EncodeItem.None : Items.Length - 1 - i,
                Slab = i == 1 ? EncodeItem.None : i,
            };
        }

        SlabStride = (codec.MaxPayloadSizeBytes(_layer) + 63) & ~63;
        SealedStride = ((codec.MaxPayloadSizeBytes(_layer) + 127) & ~127) + 128;
    }

    public KvCodec Codec { get; }

    public int Layer => _layer;

    public RandomRows Rows { get; }

    public Half[] Open { get; }

    public EncodeItem[] Items { get; }

    public int SlabStride { get; }

    public int SealedStride { get; }

    /// <summary>A codec of random geometry and, where it needs a Profile, random maps.</summary>
    public static KvCodec CodecOf(string spec, Random random)
    {
        var geometry = new KvGeometry(2, random.Next(1, 6), random.Next(2) == 0 ? 64 : 128);
        return CodecRegistry.Create(spec, geometry, new RandomProfiles(geometry, random));
    }

    /// <param name="slabs">By place of a slab, poisoned before.</param>
    /// <param name="pool">By place in the pool, likewise.</param>
    public void Check(ReadOnlySpan<byte> slabs, ReadOnlySpan<byte> pool)
    {
        for (int i = 0; i < Items.Length; i++)
        {
            byte[] expected = new byte[Codec.MaxPayloadSizeBytes(_layer)];
            Assert.Equal(expected.Length, Codec.Encode(_layer, _layers[i], default, expected));
            Check(Items[i].Slab, i, expected, slabs, SlabStride);
            Check(Items[i].Pooled, Items.Length - 1 - i, expected, pool, SealedStride);
        }
    }

    /// <summary>Payload of a place that was asked for, and nothing behind it; else nothing.</summary>
    private void Check(int place, int otherPlace, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> places, int stride)
    {
        ReadOnlySpan<byte> found = places.Slice((place < 0 ? otherPlace : place) * stride, stride);
        int length = place < 0 ? 0 : expected.Length;
        int at = expected[..length].CommonPrefixLength(found);
        Assert.True(at == length, $"{Codec.Spec}, {Codec.Geometry}, layer {_layer}, place {place}: byte {at} of {length} differs");
        Assert.False(found[length..].ContainsAnyExcept(Poison), $"{Codec.Spec}, {Codec.Geometry}, layer {_layer}, place {place}: bytes past its {length}");
    }

    /// <summary>Heads that are all zero, that are constant, and that have one huge value.</summary>
    private void Degrade(Random random)
    {
        int size = Codec.Geometry.HeadSize, heads = 2 * Codec.Geometry.KvHeadCount, kind = random.Next(8), head = random.Next(heads);
        int rowCount = Rows.Values.Length / Rows.Stride;
        for (int row = 0; row < rowCount && kind < 4; row++)
        {
            Span<Half> values = Rows.Values.AsSpan((row * Rows.Stride) + Rows.KeyOffset + (head * size), size);
            switch (kind)
            {
                case 0:
                    values.Clear();
                    break;
                case 1:
                    values.Fill((Half)(row % Tokens < 32 ? 1.5f : -0.375f));
                    break;
                case 2:
                    values.Fill((Half)(1 + (head % 3)));
                    break;
                default:
                    values[row % size] = row % Tokens == 7 ? Half.MaxValue : values[row % size];
                    break;
            }
        }
    }

    /// <summary>Maps, uneven ranks, means and bits, whatever is asked for.</summary>
    private sealed class RandomProfiles(KvGeometry geometry, Random random) : IProfileSource
    {
        public Profile? Find(string spec)
        {
            bool isWide = random.Next(6) == 0;
            return new StoredProfile(spec, 42, geometry, [.. Enumerable.Range(0, geometry.LayerCount).Select(_ => Groups(isWide))]).ToProfile();
        }

        private List<GroupBasis> Groups(bool isWide)
        {
            int[] heads = [.. Enumerable.Range(0, geometry.KvHeadCount)];
            random.Shuffle(heads);
            var groups = new List<GroupBasis>();
            for (int taken = 0; taken < heads.Length;)
            {
                int count = isWide ? heads.Length : random.Next(1, Math.Min(3, heads.Length - taken) + 1);
                int channels = Math.Min(count, MaxGroupHeadCount) * geometry.HeadSize;
                groups.Add(new GroupBasis(heads[taken..(taken + count)], Side(channels, isWide), Side(channels, isWide)));
                taken += count;
            }

            return groups;
        }

        private SideBasis Side(int channels, bool isWide)
        {
            int rank = 16 * random.Next(1, Math.Min(channels / 16, isWide ? 24 : 8) + 1);
            float scale = 1 / MathF.Sqrt(channels);
            return new SideBasis
            {
                Rank = rank,
                Map = [.. Enumerable.Range(0, channels * rank).Select(_ => (Half)(scale * ((2 * random.NextSingle()) - 1)))],
                Steps = random.Next(2) == 0 ? [] : [.. Enumerable.Range(0, rank).Select(_ => 0.5f + random.NextSingle())],
                Mean = random.Next(2) == 0 ? [] : [.. Enumerable.Range(0, channels).Select(_ => random.NextSingle() - 0.5f)],
                Bits = [.. Enumerable.Range(0, rank / 16).Select(_ => (byte)random.Next(1, 9))],
            };
        }
    }
}
