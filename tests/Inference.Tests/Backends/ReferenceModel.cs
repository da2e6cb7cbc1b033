using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>
/// The forward pass as written in the papers: one token at a time, double-precision sums, no blocks, no batches. The oracle for
/// <see cref="CpuModelRunner"/> with the raw codec.
/// </summary>
internal sealed class ReferenceModel(CpuModelSource source, bool roundsKv = true)
{
    private readonly ModelConfig _config = source.Config;
    private readonly Dictionary<string, float[]> _tensors = [];
    private readonly Dictionary<int, List<double[]>> _keys = [];
    private readonly Dictionary<int, List<double[]>> _values = [];
    private int _position;

    /// <summary>Appends a token; logits after it.</summary>
    public double[] Forward(int tokenId)
    {
        int hidden = _config.HiddenSize;
        double[] x = [.. Tensor("model.embed_tokens.weight").AsSpan(tokenId * hidden, hidden).ToArray().Select(v => (double)v)];
        for (int layer = 0; layer < _config.LayerCount; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            double[] attended = Attention(layer, prefix + "self_attn.", Norm(x, prefix + "input_layernorm.weight"));
            x = Add(x, Project(attended, prefix + "self_attn.o_proj"));
            double[] normed = Norm(x, prefix + "post_attention_layernorm.weight");
            double[] gate = Project(normed, prefix + "mlp.gate_proj");
            double[] up = Project(normed, prefix + "mlp.up_proj");
            double[] gated = [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)];
            x = Add(x, Project(gated, prefix + "mlp.down_proj"));
        }

        _position++;
        return Project(Norm(x, "model.norm.weight"), _config.TieWordEmbeddings ? "model.embed_tokens" : "lm_head");
    }

    private double[] Attention(int layer, string prefix, double[] x)
    {
        int size = _config.HeadSize;
        double[] queries = Heads(Project(x, prefix + "q_proj"), _config.HeadCount, prefix + "q_norm.weight");
        double[] keys = Heads(Project(x, prefix + "k_proj"), _config.KvHeadCount, prefix + "k_norm.weight");
        double[] values = Project(x, prefix + "v_proj");
        Cached(_keys, layer).Add(Round(keys));
        Cached(_values, layer).Add(Round(values));
        var output = new double[_config.HeadCount * size];
        for (int head = 0; head < _config.HeadCount; head++)
        {
            int kvHead = head / (_config.HeadCount / _config.KvHeadCount);
            double[] scores = [.. _keys[layer].Select(key => Dot(queries, head * size, key, kvHead * size, size) / Math.Sqrt(size))];
            double maximum = scores.Max();
            double[] weights = [.. scores.Select(score => Math.Exp(score - maximum))];
            double sum = weights.Sum();
            for (int token = 0; token < weights.Length; token++)
            {
                for (int i = 0; i < size; i++)
                {
                    output[(head * size) + i] += weights[token] / sum * _values[layer][token][(kvHead * size) + i];
                }
            }
        }

        return output;
    }

    /// <summary>Norm per head where the model has one, then rotation of the halves (as Hugging Face lays them out).</summary>
    private double[] Heads(double[] x, int headCount, string norm)
    {
        int size = _config.HeadSize;
        float[] frequencies = RopeFrequencies.Compute(_config);
        var result = new double[x.Length];
        for (int head = 0; head < headCount; head++)
        {
            double[] h = x.AsSpan(head * size, size).ToArray();
            h = _config.QkNorm ? Norm(h, norm) : h;
            for (int i = 0; i < size / 2; i++)
            {
                float angle = _position * frequencies[i];
                (double sin, double cos) = Math.SinCos(angle);
                result[(head * size) + i] = (h[i] * cos) - (h[i + (size / 2)] * sin);
                result[(head * size) + i + (size / 2)] = (h[i + (size / 2)] * cos) + (h[i] * sin);
            }
        }

        return result;
    }

    private double[] Norm(double[] x, string weight)
    {
        double scale = 1 / Math.Sqrt(x.Average(v => v * v) + _config.RmsNormEpsilon);
        return [.. x.Zip(Tensor(weight), (v, w) => v * scale * w)];
    }

    private double[] Project(double[] x, string name)
    {
        float[] weight = Tensor(name + ".weight");
        var result = new double[weight.Length / x.Length];
        float[]? bias = source.Tensors.TryGetTensor(name + ".bias", out _) ? Tensor(name + ".bias") : null;
        for (int column = 0; column < result.Length; column++)
        {
            double sum = 0;
            for (int k = 0; k < x.Length; k++)
            {
                sum += x[k] * weight[(column * x.Length) + k];
            }

            result[column] = sum + (bias?[column] ?? 0);
        }

        return result;
    }

    private float[] Tensor(string name)
    {
        if (!_tensors.TryGetValue(name, out float[]? values))
        {
            TensorView view = source.Tensors.GetTensor(name);
            values = new float[view.ElementCount];
            view.ReadAsSingle(values);
            _tensors.Add(name, values);
        }

        return values;
    }

    private double[] Round(double[] x) => roundsKv ? [.. x.Select(v => (double)(Half)(float)v)] : x;

    private static double Dot(double[] a, int startA, double[] b, int startB, int length)
    {
        double sum = 0;
        for (int i = 0; i < length; i++)
        {
            sum += a[startA + i] * b[startB + i];
        }

        return sum;
    }

    private static double[] Add(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a + b)];

    private static List<double[]> Cached(Dictionary<int, List<double[]>> cache, int layer)
    {
        if (!cache.TryGetValue(layer, out List<double[]>? list))
        {
            cache.Add(layer, list = []);
        }

        return list;
    }
}
