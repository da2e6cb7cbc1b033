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
        byte[] payload = new byte[512 + (geometry.KvHeadCount * 2 * (geometry.HeadSize + codesSize))];
        foreach (bool isKey in new[] { true, false })
        {
            float X(int head, int channel, int token) => HalfConversion.ToSingle(
                openLayer[(((2 * head) + (isKey ? 0 : 1)) * Tokens * geometry.HeadSize)
                    + (isKey ? (channel * Tokens) + token : (token * geometry.HeadSize) + channel)]);
            int Start(int head) => 512 + (((2 * head) + (isKey ? 0 : 1)) * (geometry.HeadSize + codesSize));
            float[] inverses = new float[geometry.ChannelCount];
            for (int c = 0; c < inverses.Length; c++)
            {
                (int head, int channel) = Math.DivRem(c, geometry.HeadSize);
                float most = Enumerable.Range(0, Tokens).Max(token => MathF.Abs(X(head, channel, token)));
                byte code = NearestScale(MathF.Sqrt(most));
                payload[Start(head) + channel] = code;
                inverses[c] = 1 / Scale(code);
            }

            for (int token = 0; token < Tokens; token++)
            {
                float[] normal = [.. inverses.Select((inverse, c) => X(c / geometry.HeadSize, c % geometry.HeadSize, token) * inverse)];
                Half zero = Floor(normal.Min());
                Half scale = Ceiling((normal.Max() - (float)zero) / ((1 << bitCount) - 1));
                BinaryPrimitives.WriteHalfLittleEndian(payload.AsSpan((isKey ? 0 : 256) + (2 * token)), scale);
                BinaryPrimitives.WriteHalfLittleEndian(payload.AsSpan((isKey ? 128 : 384) + (2 * token)), zero);
                for (int c = 0; c < normal.Length; c++)
                {
                    float steps = (normal[c] - (float)zero) * (1 / (float)scale);
                    int code = (int)Math.Clamp(MathF.Round(steps, MidpointRounding.ToEven), 0, (1 << bitCount) - 1);
                    (int head, int channel) = Math.DivRem(c, geometry.HeadSize);
                    int element = isKey ? token : channel;
                    int row = isKey ? channel : token;
                    int rowSize = (isKey ? Tokens : geometry.HeadSize) * bitCount / 8;
                    int codes = Start(head) + geometry.HeadSize + (row * rowSize);
                    if (bitCount == 8)
                    {
                        payload[codes + element] = (byte)code;
                    }
                    else
                    {
                        payload[codes + (element / 16 * 8) + (element % 8)] |= (byte)(element % 16 < 8 ? code : 16 * code);
                    }
                }
            }
        }

        return payload;
    }

    public static float Scale(int code) => (1 + (code % 8 / 8f)) * MathF.Pow(2, (code / 8) - 16);

    private static byte NearestScale(float scale) =>
        (byte)Enumerable.Range(0, 256).MinBy(code => (Math.Abs(Scale(code) - scale), code % 2));

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
