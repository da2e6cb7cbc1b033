using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>The encoding rules of docs/slab-format.md, value by value: every field of a payload is what they make of its input.</summary>
internal static class EncodingRules
{
    private const int Tokens = 64;

    public static void Check(QuantiserFormat format, LatentShape shape, float[] latent, byte[] payload)
    {
        var oracle = new QuantiserOracle(format, shape, payload);
        foreach (bool isKey in new[] { true, false })
        {
            QuantisedTensor tensor = isKey ? oracle.Keys : oracle.Values;
            float X(int head, int c, int i) => isKey
                ? latent[shape.KeyOffset(head) + (c * Tokens) + oracle.Order[i]]
                : latent[shape.ValueOffset(head) + (oracle.Order[i] * shape.ValueSize(head)) + c];
            int Size(int head) => isKey ? shape.KeySize(head) : shape.ValueSize(head);
            CheckChannels(format, tensor, shape.HeadCount, Size, X);
            int start = isKey ? 0 : oracle.Keys.SizeBytes;
            Assert.All(payload[(start + tensor.UsedSize)..(start + tensor.SizeBytes)], padding => Assert.Equal(0, padding));
            float Normal(int head, int c, int i) => X(head, c, i) * (1 / tensor.Channel(head, c));
            foreach (List<(int Head, int Channel, int Token)> range in Ranges(format, tensor, isKey, shape.HeadCount, Size))
            {
                CheckRange(tensor, range, Normal);
            }
        }
    }

    private static void CheckChannels(QuantiserFormat format, QuantisedTensor tensor, int heads, Func<int, int> size, Func<int, int, int, float> x)
    {
        for (int head = 0; head < heads && tensor.IsTokenwise && format.IsSeparable; head++)
        {
            int[] nearest = [.. Enumerable.Range(0, size(head)).Select(c =>
                NearestScale(MathF.Sqrt(Enumerable.Range(0, Tokens).Max(i => MathF.Abs(x(head, c, i))))))];
            for (int c = 0; c < nearest.Length; c++)
            {
                int step = Math.Min((nearest.Max() - nearest[c]) / 2, 15);
                Assert.Equal(QuantisedTensor.ChannelScale(nearest.Max() - (2 * step)), tensor.Channel(head, c));
            }
        }
    }

    /// <summary>All that shares a scale and a zero.</summary>
    private static IEnumerable<List<(int Head, int Channel, int Token)>> Ranges(
        QuantiserFormat format, QuantisedTensor tensor, bool isKey, int heads, Func<int, int> size)
    {
        var all = from head in Enumerable.Range(0, heads)
                  from channel in Enumerable.Range(0, size(head))
                  from token in Enumerable.Range(0, Tokens)
                  select (head, channel, token);
        return all.GroupBy(value => (tensor.IsTokenwise, isKey) switch
        {
            (true, _) => (0, 0, value.token),
            (_, true) => (value.head, value.channel, tensor.Segment(value.token).Index),
            _ => (value.head, value.channel / format.GroupSize, value.token),
        }).Select(group => group.ToList());
    }

    private static void CheckRange(QuantisedTensor tensor, List<(int Head, int Channel, int Token)> range, Func<int, int, int, float> normal)
    {
        float[] values = [.. range.Select(value => normal(value.Head, value.Channel, value.Token))];
        int maxCode = (1 << tensor.Segments[tensor.Segment(range[0].Token).Index].Bits) - 1;
        Half zero = Floor(values.Min());
        Half scale = Ceiling((values.Max() - (float)zero) / maxCode);
        for (int i = 0; i < range.Count; i++)
        {
            (int head, int channel, int token) = range[i];
            float steps = (values[i] - (float)zero) * (1 / (float)scale);
            int code = (int)Math.Clamp(MathF.Round(steps, MidpointRounding.ToEven), 0, maxCode);
            if ((float)zero != tensor.Zero(head, channel, token) || (float)scale != tensor.Scale(head, channel, token)
                || code != tensor.Code(head, channel, token))
            {
                Assert.Fail($"head {head}, channel {channel}, token {token}: {code}·{scale} + {zero} expected, "
                    + $"{tensor.Code(head, channel, token)}·{tensor.Scale(head, channel, token)} + {tensor.Zero(head, channel, token)} found");
            }
        }
    }

    private static int NearestScale(float scale) =>
        Enumerable.Range(0, 256).MinBy(code => (Math.Abs((double)QuantisedTensor.ChannelScale(code) - scale), code % 2));

    private static Half Floor(float value)
    {
        Half half = (Half)Math.Clamp(value, -65504, 65504);
        half = (float)half > value && half > Half.MinValue ? Half.BitDecrement(half) : half;
        return half == Half.Zero ? Half.Zero : half;
    }

    private static Half Ceiling(float value)
    {
        Half half = (Half)Math.Clamp(value, -65504, 65504);
        half = (float)half < value && half < Half.MaxValue ? Half.BitIncrement(half) : half;
        return half > Half.Zero ? half : Half.Epsilon;
    }
}
