using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Stored;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Attention on payloads by their tables against what the codec decodes them to; skipped without a GPU.</summary>
public sealed class StoredAttentionTests
{
    private const int ShapeCount = 84;

    /// <summary>Queries, weights and decoded values round to 16 bits.</summary>
    private const double Tolerance = 4e-3;

    /// <summary>Values that were projected and come back have sums of many such roundings.</summary>
    private const double ProjectedTolerance = 1e-2;

    public static TheoryData<string> Specs { get; } =
    [
        "gear", "gear(bits=2)", "gear-l", "kivi4", "kivi2", "int3", "int4(channels=plain)", "zipcache(high=8)", "zipcache(keys=channel)",
        "zack", "zack+int4", "kvheads+gear(bits=2)",
    ];

    /// <summary>Over all specs more than a thousand shapes.</summary>
    [Theory]
    [MemberData(nameof(Specs))]
    public void Launch_RandomShapes_AgreesWithWhatTheCodecDecodes(string spec)
    {
        CudaDevice device = Gpu.Required();
        using var stream = new CudaStream();
        using var arena = new DeviceArena(512 << 20);
        for (int seed = 0; seed < ShapeCount; seed++)
        {
            var random = new Random(seed);
            int headSize = seed % 2 == 0 ? 64 : 128, kvHeads = random.Next(1, headSize == 64 ? 6 : 4), group = random.Next(1, 9);
            var geometry = new KvGeometry(2, kvHeads, headSize);
            KvCodec codec = CodecRegistry.Create(spec, geometry, new UnevenProfiles(geometry, seed));
            StoredShape? shape = StoredShape.Of(codec, group);
            if (shape is null || shape.SharedBytes > device.SharedBytesPerBlock)
            {
                // Such are decoded; the two that take all heads together may be too large.
                Assert.True(kvHeads * group > 8, spec);
                continue;
            }

            int layer = seed / 2 % 2;
            using var tables = new StoredTables(codec);
            using var attention = new StoredAttention(device, Gpu.Compiler(), tables, shape, kvHeads, group);
            var sequences = new AttentionCase(codec, group, 1 / MathF.Sqrt(headSize));
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                DecodeAttentionTests.AddRandom(sequences, codec, group, random.Next(0, 64 * random.Next(1, 6)), random, layer);
            }

            double error = AttentionCase.Error(sequences.OnGpu(attention, layer, stream, arena), sequences.OnDecoded(layer));
            Assert.True(error < (codec.IsProjected ? ProjectedTolerance : Tolerance), $"{spec}, shape {seed}, {geometry}, {group} queries: {error}");
        }
    }
}
