using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Random queries, K and V of tokens in 16 bits: [token][query heads, then KV heads of K, then of V][head size], as a matrix product leaves them.</summary>
internal sealed class RandomRows
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    private readonly int _headSize;
    private readonly int _kvHeads;
    private float[]? _singles;

    /// <param name="rowCount">Tokens.</param>
    /// <param name="geometry">Of K and V.</param>
    /// <param name="group">Query heads of a KV head.</param>
    /// <param name="random">Of values.</param>
    /// <param name="isExtreme">Zeros, subnormal numbers and the greatest among K and V.</param>
    public RandomRows(int rowCount, KvGeometry geometry, int group, Random random, bool isExtreme = false)
    {
        _headSize = geometry.HeadSize;
        _kvHeads = geometry.KvHeadCount;
        HeadCount = _kvHeads * group;
        Stride = (HeadCount + (2 * _kvHeads)) * _headSize;
        Values = new Half[rowCount * Stride];
        float[] channels = [.. Enumerable.Range(0, Stride).Select(i => i < HeadCount * _headSize ? 2f : MathF.Exp(2 * random.NextSingle()))];
        for (int i = 0; i < Values.Length; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            bool isOdd = isExtreme && i % Stride >= HeadCount * _headSize && random.Next(50) == 0;
            Values[i] = isOdd ? Odd(random) : (Half)(normal * channels[i % Stride]);
        }
    }

    public Half[] Values { get; }

    /// <summary>The same in 32 bits.</summary>
    public float[] Singles => _singles ??= [.. Values.Select(x => (float)x)];

    /// <summary>From token to token.</summary>
    public int Stride { get; }

    public int HeadCount { get; }

    public int KeyOffset => HeadCount * _headSize;

    public int ValueOffset => (HeadCount + _kvHeads) * _headSize;

    public ReadOnlySpan<float> Query(int row, int head) => Singles.AsSpan((row * Stride) + (head * _headSize), _headSize);

    public ReadOnlySpan<float> Key(int row, int kvHead) => Singles.AsSpan((row * Stride) + KeyOffset + (kvHead * _headSize), _headSize);

    public ReadOnlySpan<float> Value(int row, int kvHead) => Singles.AsSpan((row * Stride) + ValueOffset + (kvHead * _headSize), _headSize);

    /// <summary>64 tokens, or fewer and zeros, as an open Block.</summary>
    public Half[] OpenLayer(int firstRow, int tokenCount = Tokens)
    {
        var layer = new Half[2 * Tokens * _kvHeads * _headSize];
        for (int head = 0; head < _kvHeads; head++)
        {
            int start = head * 2 * Tokens * _headSize;
            for (int token = 0; token < tokenCount; token++)
            {
                for (int channel = 0; channel < _headSize; channel++)
                {
                    layer[start + (channel * Tokens) + token] = Values[((firstRow + token) * Stride) + KeyOffset + (head * _headSize) + channel];
                    layer[start + (Tokens * _headSize) + (token * _headSize) + channel] = Values[((firstRow + token) * Stride) + ValueOffset + (head * _headSize) + channel];
                }
            }
        }

        return layer;
    }

    /// <summary>In 64 bits.</summary>
    public static double Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            sum += (double)x[i] * y[i];
        }

        return sum;
    }

    /// <summary>Weights in place of logits.</summary>
    /// <returns>The logarithm of the sum of their exponentials.</returns>
    public static double Softmax(Span<double> logits)
    {
        double most = double.NegativeInfinity, total = 0;
        foreach (double x in logits)
        {
            most = Math.Max(most, x);
        }

        foreach (ref double x in logits)
        {
            x = Math.Exp(x - most);
            total += x;
        }

        foreach (ref double x in logits)
        {
            x /= total;
        }

        return most + Math.Log(total);
    }

    private static Half Odd(Random random) => random.Next(5) switch
    {
        0 => Half.Zero,
        1 => Half.NegativeZero,
        2 => Half.Epsilon,
        3 => Half.MaxValue,
        _ => Half.MinValue,
    };
}
