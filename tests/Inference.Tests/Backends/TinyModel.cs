using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>A random model small enough for <see cref="ReferenceModel"/>, written as safetensors to a temporary folder.</summary>
internal sealed class TinyModel : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tiny-model-").FullName;

    /// <param name="config">Shape.</param>
    /// <param name="type">Of all tensors: BF16, F16 or F32.</param>
    /// <param name="change">May spoil a tensor before it is written.</param>
    public TinyModel(ModelConfig config, string type = "BF16", Action<string, float[]>? change = null)
    {
        var random = new Random(7);
        var tensors = new List<(string Name, long[] Shape, float[] Values)>();
        foreach ((string name, long[] shape) in Shapes(config))
        {
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            bool isNorm = name.Contains("norm", StringComparison.Ordinal);
            float scale = name.EndsWith(".bias", StringComparison.Ordinal) ? 0.1f : 1 / MathF.Sqrt(shape[^1]);
            for (int i = 0; i < values.Length; i++)
            {
                float normal = MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(MathF.Tau * random.NextSingle());
                values[i] = isNorm ? 1 + (0.2f * normal) : scale * normal;
            }

            change?.Invoke(name, values);
            tensors.Add((name, shape, values));
        }

        Write(System.IO.Path.Combine(_folder, "model.safetensors"), tensors, type);
        Source = new CpuModelSource(_folder, config, SafetensorsFolder.Open(_folder), Fingerprint: 42);
    }

    public static ModelConfig Llama { get; } = new()
    {
        Architecture = ModelArchitecture.Llama,
        ModelType = "llama",
        HiddenSize = 64,
        IntermediateSize = 100,
        LayerCount = 2,
        HeadCount = 4,
        KvHeadCount = 2,
        HeadSize = 16,
        VocabularySize = 101,
        MaxPositionCount = 1024,
    };

    public CpuModelSource Source { get; }

    private KvGeometry Geometry => ModelKvGeometry.Of(Source.Config);

    public CpuModelRunner Load(string spec, ComputePool? pool = null) =>
        CpuModelRunner.Load(Source, CodecRegistry.Create(spec, Geometry, new RandomProfiles(Geometry)), pool ?? ComputePool.Shared);

    public int[] Prompt(int length, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(Source.Config.VocabularySize))];
    }

    public void Dispose()
    {
        Source.Tensors.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static IEnumerable<(string Name, long[] Shape)> Shapes(ModelConfig c)
    {
        long queryWidth = c.HeadCount * c.HeadSize;
        long kvWidth = c.KvHeadCount * c.HeadSize;
        yield return ("model.embed_tokens.weight", [c.VocabularySize, c.HiddenSize]);
        yield return ("model.norm.weight", [c.HiddenSize]);
        if (!c.TieWordEmbeddings)
        {
            yield return ("lm_head.weight", [c.VocabularySize, c.HiddenSize]);
        }

        for (int layer = 0; layer < c.LayerCount; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            yield return (prefix + "input_layernorm.weight", [c.HiddenSize]);
            yield return (prefix + "post_attention_layernorm.weight", [c.HiddenSize]);
            (string Name, long Rows, long Depth, bool HasBias)[] projections =
            [
                ("self_attn.q_proj", queryWidth, c.HiddenSize, c.AttentionBias),
                ("self_attn.k_proj", kvWidth, c.HiddenSize, c.AttentionBias),
                ("self_attn.v_proj", kvWidth, c.HiddenSize, c.AttentionBias),
                ("self_attn.o_proj", c.HiddenSize, queryWidth, c.AttentionOutputBias),
                ("mlp.gate_proj", c.IntermediateSize, c.HiddenSize, c.MlpBias),
                ("mlp.up_proj", c.IntermediateSize, c.HiddenSize, c.MlpBias),
                ("mlp.down_proj", c.HiddenSize, c.IntermediateSize, c.MlpBias),
            ];
            foreach ((string name, long rows, long depth, bool hasBias) in projections)
            {
                yield return (prefix + name + ".weight", [rows, depth]);
                if (hasBias)
                {
                    yield return (prefix + name + ".bias", [rows]);
                }
            }

            if (c.QkNorm)
            {
                yield return (prefix + "self_attn.q_norm.weight", [c.HeadSize]);
                yield return (prefix + "self_attn.k_norm.weight", [c.HeadSize]);
            }
        }
    }

    private static void Write(string path, List<(string Name, long[] Shape, float[] Values)> tensors, string type)
    {
        int size = type == "F32" ? 4 : 2;
        long offset = 0;
        var fields = new List<string>();
        foreach ((string name, long[] shape, float[] values) in tensors)
        {
            long end = offset + ((long)values.Length * size);
            fields.Add($"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{string.Join(",", shape)}],\"data_offsets\":[{offset},{end}]}}");
            offset = end;
        }

        byte[] header = System.Text.Encoding.UTF8.GetBytes("{" + string.Join(",", fields) + "}");
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write((long)header.Length);
        writer.Write(header);
        foreach ((_, _, float[] values) in tensors)
        {
            byte[] bytes = type switch
            {
                "F32" => MemoryMarshal.AsBytes<float>(values).ToArray(),
                "F16" => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray(),
                _ => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))).ToArray(),
            };
            writer.Write(bytes);
        }
    }
}
