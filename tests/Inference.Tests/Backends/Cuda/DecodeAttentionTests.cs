using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Kernels against the codecs' own attention on the CPU; skipped without a GPU.</summary>
public sealed class DecodeAttentionTests
{
    /// <summary>Queries and weights round to 16 bits: 2^-11 each, and logits carry that of the query into the exponent.</summary>
    private const double FastTolerance = 3e-3;

    private const double SimpleTolerance = 1e-5;

    public static TheoryData<string> Specs { get; } =
    [
        "raw", "int8", "int4", "int2", "zipcache", "zipcache(salient=0.75)", "zipcache(low=3,salient=0.5)",
        "zipcache(keybits=mixed,low=3)", "zipcache(keybits=mixed)", "zipcache(keybits=mixed,salient=0.5)", "zipcache(keybits=mixed,low=3,salient=0.75)",
    ];

    [Theory]
    [MemberData(nameof(Specs))]
    public void Launch_RandomSequences_AgreesWithTheCodec(string spec)
    {
        CudaDevice device = Gpu.Required();
        var random = new Random(17);
        foreach ((int headSize, int kvHeads, int group) in ((int, int, int)[])[(64, 8, 4), (128, 8, 4), (64, 1, 8), (128, 2, 7), (64, 3, 1), (128, 5, 2)])
        {
            KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, kvHeads, headSize));
            var attention = new AttentionCase(codec, group, 1 / MathF.Sqrt(headSize));
            int[] lengths = [1, 63, 64, 65, 0, 700, random.Next(1, 300), 128, random.Next(1000, 2000)];
            foreach (int length in lengths)
            {
                AddRandom(attention, codec, group, length, random);
            }

            Compare(device, codec, group, attention, layer: 0);
        }
    }

    /// <summary>Over all specs more than a thousand shapes.</summary>
    [Theory]
    [MemberData(nameof(Specs))]
    public void Launch_RandomShapes_AgreesWithTheCodec(string spec)
    {
        CudaDevice device = Gpu.Required();
        for (int seed = 0; seed < 96; seed++)
        {
            var random = new Random(seed);
            int headSize = seed % 2 == 0 ? 64 : 128, group = random.Next(1, 9);
            KvCodec codec = CodecRegistry.Create(spec, new KvGeometry(1, random.Next(1, 5), headSize));
            var attention = new AttentionCase(codec, group, 1 / MathF.Sqrt(headSize));
            for (int i = random.Next(1, 8); i > 0; i--)
            {
                AddRandom(attention, codec, group, random.Next(0, 64 * random.Next(1, 6)), random);
            }

            Compare(device, codec, group, attention, layer: 0);
        }
    }

    [Theory]
    [MemberData(nameof(Specs))]
    public void Launch_SlabsOfTheDemoModel_AgreesWithTheCodec(string spec)
    {
        CudaDevice device = Gpu.Required();
        using CpuModelRunner runner = DemoModel.Load(spec);
        int group = runner.Config.HeadCount / runner.Codec.Geometry.KvHeadCount;
        int[] tokenIds = [.. Enumerable.Range(0, 450).Select(i => 5 + (i * 7919 % 1000))];
        using SequenceCache cache = Sequences.NewCache(runner);
        Sequences.Prefill(runner, cache, tokenIds, 512);
        var random = new Random(23);
        for (int layer = 0; layer < runner.Codec.Geometry.LayerCount; layer++)
        {
            var attention = new AttentionCase(runner.Codec, group, 1 / MathF.Sqrt(runner.Codec.Geometry.HeadSize));
            attention.Add(
                cache.Blocks.Select(block => block.Slab(layer)!.Span[Slab.HeaderSizeBytes..].ToArray()),
                cache.OpenLayer(layer).ToArray(),
                cache.TailTokenCount,
                RandomQuery(runner.Codec, group, random));
            Compare(device, runner.Codec, group, attention, layer);
        }
    }

    private static void Compare(CudaDevice device, KvCodec codec, int group, AttentionCase attention, int layer)
    {
        Assert.True(AttentionFormat.TryCreate(codec, group, out AttentionFormat? format, out string? reason), reason);
        KernelCompiler compiler = Gpu.Compiler();
        using var fast = new DecodeAttention(device, compiler, format, codec.Geometry.KvHeadCount, group);
        using var simple = new SimpleAttention(compiler, format);
        using var stream = new CudaStream();
        using var arena = new DeviceArena(256 << 20);
        float[] expected = attention.OnCpu(layer);
        (float[] byFast, float[] bySimple) = attention.OnGpu(fast, simple, stream, arena);
        Assert.InRange(AttentionCase.Error(bySimple, expected), 0, SimpleTolerance);
        Assert.InRange(AttentionCase.Error(byFast, expected), 0, FastTolerance);
    }

    /// <summary>A Sequence of so many tokens.</summary>
    internal static void AddRandom(AttentionCase attention, KvCodec codec, int group, int length, Random random, int layer = 0)
    {
        var payloads = new List<byte[]>();
        for (int block = 0; block < length / KvGeometry.BlockTokenCount; block++)
        {
            byte[] payload = new byte[codec.MaxPayloadSizeBytes(layer)];
            float[] saliency = [.. Enumerable.Range(0, KvGeometry.BlockTokenCount).Select(_ => random.NextSingle())];
            int size = codec.Encode(layer, RandomLayer(codec.Geometry, KvGeometry.BlockTokenCount, random), saliency, payload);
            payloads.Add(payload[..size]);
        }

        int rest = length % KvGeometry.BlockTokenCount;
        attention.Add(payloads, RandomLayer(codec.Geometry, rest, random), rest, RandomQuery(codec, group, random));
    }

    /// <summary>Normal values, channels of different size, as an open layer with zeros past its tokens.</summary>
    private static Half[] RandomLayer(KvGeometry geometry, int tokenCount, Random random)
    {
        const int Tokens = KvGeometry.BlockTokenCount;
        var layer = new Half[geometry.OpenLayerLength];
        for (int i = 0; i < layer.Length; i++)
        {
            int within = i % (2 * Tokens * geometry.HeadSize);
            bool isKey = within < Tokens * geometry.HeadSize;
            int token = isKey ? within % Tokens : (within - (Tokens * geometry.HeadSize)) / geometry.HeadSize;
            int channel = isKey ? within / Tokens : within % geometry.HeadSize;
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            layer[i] = token < tokenCount ? (Half)(normal * (channel % 8 == 3 ? 6 : 1)) : Half.Zero;
        }

        return layer;
    }

    private static float[] RandomQuery(KvCodec codec, int group, Random random) =>
        [.. Enumerable.Range(0, codec.Geometry.ChannelCount * group).Select(_ => (random.NextSingle() * 4) - 2)];
}
