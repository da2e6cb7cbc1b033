using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>The encoding rules of docs/slab-format.md, value by value.</summary>
internal static class IntEncodeOracle
{
    private const int Tokens = 64;

    public static byte[] Encode(KvGeometry geometry, int bitCount, Half[] openLayer)
    {
        int codesSize = Tokens * geometry.HeadSize * bitCount / 8;
        int stepsOffset = 256 + (geometry.KvHeadCount * codesSize);
        int partSize = (stepsOffset + (geometry.ChannelCount / 2) + geometry.KvHeadCount + 15) / 16 * 16;
        byte[] payload = new byte[2 * partSize];
        foreach (bool isKey in new[] { true, false })
        {
            float X(int head, int channel, int token) => HalfConversion.ToSingle(
                openLayer[(((2 * head) + (isKey ? 0 : 1)) * Tokens * geometry.HeadSize)
                    + (isKey ? (channel * Tokens) + token : (token * geometry.HeadSize) + channel)]);
            int part = isKey ? 0 : partSize;
            float[] inverses = new float[geometry.ChannelCount];
            for (int head = 0; head < geometry.KvHeadCount; head++)
            {
                int[] scales = [.. Enumerable.Range(0, geometry.HeadSize).Select(channel =>
                    NearestScale(MathF.Sqrt(Enumerable.Range(0, Tokens).Max(token => MathF.Abs(X(head, channel, token))))))];
                payload[part + stepsOffset + (geometry.ChannelCount / 2) + head] = (byte)scales.Max();
                for (int channel = 0; channel < geometry.HeadSize; channel++)
                {
                    int step = Math.Min((scales.Max() - scales[channel]) / 2, 15);
                    int c = (head * geometry.HeadSize) + channel;
                    WriteNibble(payload.AsSpan(part + stepsOffset), c, step);
                    inverses[c] = 1 / PayloadReader.Scale(scales.Max() - (2 * step));
                }
            }

            for (int token = 0; token < Tokens; token++)
            {
                float[] normal = [.. inverses.Select((inverse, c) => X(c / geometry.HeadSize, c % geometry.HeadSize, token) * inverse)];
                Half zero = Floor(normal.Min());
                Half scale = Ceiling((normal.Max() - (float)zero) / ((1 << bitCount) - 1));
                BinaryPrimitives.WriteHalfLittleEndian(payload.AsSpan(part + (2 * token)), scale);
                BinaryPrimitives.WriteHalfLittleEndian(payload.AsSpan(part + 128 + (2 * token)), zero);
                for (int c = 0; c < normal.Length; c++)
                {
                    float steps = (normal[c] - (float)zero) * (1 / (float)scale);
                    int code = (int)Math.Clamp(MathF.Round(steps, MidpointRounding.ToEven), 0, (1 << bitCount) - 1);
                    (int head, int channel) = Math.DivRem(c, geometry.HeadSize);
                    int element = isKey ? (channel * Tokens) + token : (token * geometry.HeadSize) + channel;
                    Span<byte> codes = payload.AsSpan(part + 256 + (head * codesSize));
                    if (bitCount == 8)
                    {
                        codes[element] = (byte)code;
                    }
                    else
                    {
                        WriteNibble(codes, element, code);
                    }
                }
            }
        }

        return payload;
    }

    private static int NearestScale(float scale) =>
        Enumerable.Range(0, 256).MinBy(code => (Math.Abs(PayloadReader.Scale(code) - scale), code % 2));

    private static void WriteNibble(Span<byte> codes, int element, int code) =>
        codes[(element / 16 * 8) + (element % 8)] |= (byte)(element % 16 < 8 ? code : 16 * code);

    private static Half Floor(float value)
    {
        Half half = (Half)value;
        half = (float)half > value ? Half.BitDecrement(half) : half;
        return half == Half.Zero ? Half.Zero : half;
    }

    private static Half Ceiling(float value)
    {
        Half half = (Half)value;
        half = (float)half < value ? Half.BitIncrement(half) : half;
        return half > Half.Zero ? half : Half.Epsilon;
    }
}
