using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>
/// What lower ranks of one KV head change in its query heads' share of the attention output. As at run time, a query sees its own Block
/// as it is, and earlier Blocks projected.
/// </summary>
internal sealed class HeadRankProbe
{
    private readonly ModelConfig _config;
    private readonly int _kvHead;
    private readonly int _size;
    private readonly int _group;
    private readonly float[] _outputWeights; // [hidden][query heads · head size]
    private readonly float[] _queryMap;
    private readonly float[] _keyMap;
    private readonly float[] _valueMap;
    private readonly float[] _outputMap;
    private float[] _keys = []; // in latent channels, [tokens][head size]
    private float[][] _outputs = []; // by query: of its query heads, one after the other

    public HeadRankProbe(ModelConfig config, int kvHead, ZackBases bases, float[] outputWeights)
    {
        _config = config;
        _kvHead = kvHead;
        _size = config.HeadSize;
        _group = config.HeadCount / config.KvHeadCount;
        _outputWeights = outputWeights;
        SideBasis key = bases.Key(kvHead, _size);
        SideBasis value = bases.Value(kvHead, _size);
        _keyMap = Transpose(key.UsedMap());
        _queryMap = Transpose(key.UsedInverse());
        _valueMap = Transpose(value.UsedMap());
        _outputMap = Transpose(value.UsedInverse());
    }

    public void Measure(LayerRows rows, int[] queries, RankCosts costs)
    {
        ProjectKeys(rows);
        _outputs = [.. queries.Select(_ => new float[_group * _size])];
        for (int i = 0; i < queries.Length; i++)
        {
            for (int member = 0; member < _group; member++)
            {
                int head = (_kvHead * _group) + member;
                ReadOnlySpan<float> query = rows.Queries.AsSpan((queries[i] * rows.QueryWidth) + (head * _size), _size);
                Measure(rows, query, queries[i], head, _outputs[i].AsSpan(member * _size, _size), costs);
            }
        }
    }

    /// <summary>Adds W_O times what the head put out for a query.</summary>
    public void AddOutput(int query, double[] output)
    {
        for (int member = 0; member < _group; member++)
        {
            ReadOnlySpan<float> share = _outputs[query].AsSpan(member * _size, _size);
            for (int row = 0; row < output.Length; row++)
            {
                output[row] += TensorPrimitives.Dot(Weights(row, (_kvHead * _group) + member), share);
            }
        }
    }

    private void ProjectKeys(LayerRows rows)
    {
        if (_keys.Length < rows.RowCount * _size)
        {
            _keys = new float[rows.RowCount * _size];
        }

        for (int token = 0; token < rows.RowCount; token++)
        {
            Multiply(_keyMap, Key(rows, token), _keys.AsSpan(token * _size, _size));
        }
    }

    private void Measure(LayerRows rows, ReadOnlySpan<float> query, int position, int head, Span<float> output, RankCosts costs)
    {
        int tokenCount = position + 1;
        int encodedCount = position / KvGeometry.BlockTokenCount * KvGeometry.BlockTokenCount;
        float scale = 1 / MathF.Sqrt(_size);
        float[] latentQuery = new float[_size];
        Multiply(_queryMap, query, latentQuery);
        float[] exact = new float[tokenCount];
        for (int token = 0; token < tokenCount; token++)
        {
            exact[token] = TensorPrimitives.Dot(query, Key(rows, token)) * scale;
        }

        float[] weights = [.. exact];
        TensorPrimitives.SoftMax(exact, weights);
        Gather(rows, weights, 0, tokenCount, output);
        MeasureValues(rows, weights, encodedCount, head, costs);

        float[] scores = [.. exact];
        Array.Clear(scores, 0, encodedCount);
        float[] changed = new float[_size];
        for (int rank = Ranks.Step; rank < _size; rank += Ranks.Step)
        {
            for (int token = 0; token < encodedCount; token++)
            {
                int first = rank - Ranks.Step;
                scores[token] += TensorPrimitives.Dot(
                    latentQuery.AsSpan(first, Ranks.Step), _keys.AsSpan((token * _size) + first, Ranks.Step)) * scale;
            }

            TensorPrimitives.SoftMax(scores, weights);
            Gather(rows, weights, 0, tokenCount, changed);
            TensorPrimitives.Subtract(changed, output, changed);
            costs.AddKey(_kvHead, rank, SquaredOutput(head, changed));
        }
    }

    /// <summary>Values are gathered linearly, so the gathered sum is projected in their place.</summary>
    private void MeasureValues(LayerRows rows, float[] weights, int encodedCount, int head, RankCosts costs)
    {
        float[] gathered = new float[_size];
        float[] latent = new float[_size];
        Gather(rows, weights, 0, encodedCount, gathered);
        Multiply(_valueMap, gathered, latent);
        float[] lost = [.. gathered];
        for (int rank = Ranks.Step; rank < _size; rank += Ranks.Step)
        {
            for (int channel = rank - Ranks.Step; channel < rank; channel++)
            {
                TensorPrimitives.MultiplyAdd(_outputMap.AsSpan(channel * _size, _size), -latent[channel], lost, lost);
            }

            costs.AddValue(_kvHead, rank, SquaredOutput(head, lost));
        }
    }

    private void Gather(LayerRows rows, float[] weights, int first, int count, Span<float> sum)
    {
        sum.Clear();
        for (int token = first; token < first + count; token++)
        {
            TensorPrimitives.MultiplyAdd(rows.Values.AsSpan((token * rows.KvWidth) + (_kvHead * _size), _size), weights[token], sum, sum);
        }
    }

    private double SquaredOutput(int head, ReadOnlySpan<float> change)
    {
        double sum = 0;
        for (int row = 0; row < _config.HiddenSize; row++)
        {
            double value = TensorPrimitives.Dot(Weights(row, head), change);
            sum += value * value;
        }

        return sum;
    }

    private ReadOnlySpan<float> Weights(int row, int head) => _outputWeights.AsSpan((row * _config.HeadCount * _size) + (head * _size), _size);

    private ReadOnlySpan<float> Key(LayerRows rows, int token) => rows.Keys.AsSpan((token * rows.KvWidth) + (_kvHead * _size), _size);

    /// <summary>One row of the map's transpose a latent channel.</summary>
    private void Multiply(float[] transposed, ReadOnlySpan<float> vector, Span<float> latent)
    {
        for (int channel = 0; channel < _size; channel++)
        {
            latent[channel] = TensorPrimitives.Dot(transposed.AsSpan(channel * _size, _size), vector);
        }
    }

    private float[] Transpose(float[] map)
    {
        float[] transposed = new float[map.Length];
        for (int i = 0; i < map.Length; i++)
        {
            transposed[(i % _size * _size) + (i / _size)] = map[i];
        }

        return transposed;
    }
}
