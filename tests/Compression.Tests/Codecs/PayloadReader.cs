using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>Reads single values of a payload of <c>raw</c>, <c>int8</c> or <c>int4</c> by the byte tables of docs/slab-format.md.</summary>
internal sealed class PayloadReader(string spec, KvGeometry geometry, byte[] payload)
{
    private const int Tokens = 64;
    private const int ParametersSize = 256;

    private int BitCount => spec switch { "raw" => 16, "int8" => 8, _ => 4 };

    private int CodesSize => Tokens * geometry.HeadSize * BitCount / 8;

    private int StepsOffset => ParametersSize + (geometry.KvHeadCount * CodesSize);

    private int PartSize => (StepsOffset + (geometry.ChannelCount / 2) + geometry.KvHeadCount + 15) / 16 * 16;

    public float TokenScale(bool isKey, int token) => spec == "raw" ? 1 : ReadHalf(Part(isKey) + (2 * token));

    public float TokenZero(bool isKey, int token) => spec == "raw" ? 0 : ReadHalf(Part(isKey) + 128 + (2 * token));

    public float ChannelScale(int head, bool isKey, int channel)
    {
        if (spec == "raw")
        {
            return 1;
        }

        int steps = Part(isKey) + StepsOffset;
        int greatest = payload[steps + (geometry.ChannelCount / 2) + head];
        return Scale(greatest - (2 * Nibble(steps, (head * geometry.HeadSize) + channel)));
    }

    public float Code(int head, bool isKey, int channel, int token)
    {
        int row = isKey ? channel : token;
        int element = (row * (isKey ? Tokens : geometry.HeadSize)) + (isKey ? token : channel);
        if (spec == "raw")
        {
            return ReadHalf((((2 * head) + (isKey ? 0 : 1)) * CodesSize) + (2 * element));
        }

        int start = Part(isKey) + ParametersSize + (head * CodesSize);
        return spec == "int8" ? payload[start + element] : Nibble(start, element);
    }

    /// <summary>A channel scale; the number may be below 0.</summary>
    public static float Scale(int code) => (1 + ((code & 7) / 8f)) * MathF.Pow(2, (code >> 3) - 16);

    private int Part(bool isKey) => isKey ? 0 : PartSize;

    private int Nibble(int start, int element)
    {
        int pair = payload[start + (element / 16 * 8) + (element % 8)];
        return element % 16 < 8 ? pair % 16 : pair / 16;
    }

    private float ReadHalf(int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(payload.AsSpan(offset));
}
