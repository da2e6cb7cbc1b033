using System.Buffers.Binary;
using System.Numerics;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Decoding and attention one multiplication at a time, over <see cref="QuantisedTensor"/>.</summary>
internal sealed class QuantiserOracle
{
    private const int Tokens = 64;
    private readonly LatentShape _shape;
    private readonly QuantisedTensor _keys;
    private readonly QuantisedTensor _values;

    public QuantiserOracle(QuantiserFormat format, LatentShape shape, byte[] payload)
    {
        _shape = shape;
        _keys = new QuantisedTensor(format, shape, isKey: true, payload);
        _values = new QuantisedTensor(format, shape, isKey: false, payload);
        SizeBytes = _keys.SizeBytes + _values.SizeBytes + (format.IsMixed ? 8 : 0);
        Order = [.. Enumerable.Range(0, Tokens)];
        if (format.IsMixed)
        {
            ulong chosen = BinaryPrimitives.ReadUInt64LittleEndian(payload.AsSpan(SizeBytes - 8));
            Assert.Equal(format.Segments[0].Count, BitOperations.PopCount(chosen));
            Order = [.. Order.Where(token => (chosen >> token & 1) == 1), .. Order.Where(token => (chosen >> token & 1) == 0)];
        }
    }

    public int SizeBytes { get; }

    /// <summary>Tokens as they are stored.</summary>
    public int[] Order { get; }

    public QuantisedTensor Keys => _keys;

    public QuantisedTensor Values => _values;

    /// <summary>x̂ = fma(code, scale, zero)·channel.</summary>
    public float[] Decode()
    {
        float[] latent = new float[_shape.Length];
        for (int head = 0; head < _shape.HeadCount; head++)
        {
            for (int i = 0; i < Tokens; i++)
            {
                for (int c = 0; c < _shape.KeySize(head); c++)
                {
                    latent[_shape.KeyOffset(head) + (c * Tokens) + Order[i]] = Restore(_keys, head, c, i);
                }

                for (int c = 0; c < _shape.ValueSize(head); c++)
                {
                    latent[_shape.ValueOffset(head) + (Order[i] * _shape.ValueSize(head)) + c] = Restore(_values, head, c, i);
                }
            }
        }

        return latent;
    }

    public void Scores(int head, ReadOnlySpan<float> query, Span<float> scores)
    {
        float[] q = query[.._shape.KeySize(head)].ToArray();
        for (int i = 0; i < Tokens; i++)
        {
            float[] scaled = [.. q.Select((x, c) => x * (_keys.IsTokenwise ? _keys.Channel(head, c) : _keys.Scale(head, c, i)))];
            float sum = _keys.IsTokenwise
                ? Sums.Of(scaled)
                : Sums.OfProducts(q, [.. Enumerable.Range(0, q.Length).Select(c => _keys.Zero(head, c, i))]);
            float chain = _keys.IsTokenwise ? 0 : sum;
            for (int c = 0; c < q.Length; c++)
            {
                chain = MathF.FusedMultiplyAdd(scaled[c], _keys.Code(head, c, i), chain);
            }

            scores[Order[i]] = _keys.IsTokenwise ? MathF.FusedMultiplyAdd(chain, _keys.Scale(head, 0, i), _keys.Zero(head, 0, i) * sum) : chain;
        }
    }

    public void AddValues(int head, ReadOnlySpan<float> weights, Span<float> output)
    {
        float[] w = new float[Tokens];
        for (int i = 0; i < Tokens; i++)
        {
            w[i] = weights[Order[i]];
        }

        for (int c = 0; c < _shape.ValueSize(head); c++)
        {
            float sum = Sums.OfProducts(w, [.. Enumerable.Range(0, Tokens).Select(i => _values.Zero(head, c, i))]);
            float chain = _values.IsTokenwise ? 0 : output[c] + sum;
            for (int i = 0; i < Tokens; i++)
            {
                chain = MathF.FusedMultiplyAdd(w[i] * _values.Scale(head, c, i), _values.Code(head, c, i), chain);
            }

            output[c] = _values.IsTokenwise ? MathF.FusedMultiplyAdd(chain + sum, _values.Channel(head, c), output[c]) : chain;
        }
    }

    private static float Restore(QuantisedTensor tensor, int head, int channel, int token) =>
        MathF.FusedMultiplyAdd(tensor.Code(head, channel, token), tensor.Scale(head, channel, token), tensor.Zero(head, channel, token))
        * tensor.Channel(head, channel);
}
