using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>Reads single values of a payload by the byte tables of docs/slab-format.md.</summary>
internal sealed class PayloadReader(string spec, KvGeometry geometry, byte[] payload)
{
    private const int Tokens = 64;
    private const int SharedSize = 512;

    private int BitCount => spec switch { "raw" => 16, "int8" => 8, _ => 4 };

    private int CodesSize => Tokens * geometry.HeadSize * BitCount / 8;

    public float TokenScale(bool isKey, int token) => spec == "raw" ? 1 : ReadHalf((isKey ? 0 : 256) + (2 * token));

    public float TokenZero(bool isKey, int token) => spec == "raw" ? 0 : ReadHalf((isKey ? 128 : 384) + (2 * token));

    public float ChannelScale(int head, bool isKey, int channel)
    {
        if (spec == "raw")
        {
            return 1;
        }

        int code = payload[Start(head, isKey) + channel];
        return (1 + (code % 8 / 8f)) * MathF.Pow(2, (code / 8) - 16);
    }

    public float Code(int head, bool isKey, int channel, int token)
    {
        int row = isKey ? channel : token;
        int element = isKey ? token : channel;
        int rowLength = isKey ? Tokens : geometry.HeadSize;
        if (spec == "raw")
        {
            return ReadHalf(Start(head, isKey) + (2 * ((row * rowLength) + element)));
        }

        int start = Start(head, isKey) + geometry.HeadSize + (row * rowLength * BitCount / 8);
        if (spec == "int8")
        {
            return payload[start + element];
        }

        int pair = payload[start + (element / 16 * 8) + (element % 8)];
        return element % 16 < 8 ? pair % 16 : pair / 16;
    }

    private int Start(int head, bool isKey)
    {
        int half = spec == "raw" ? CodesSize : geometry.HeadSize + CodesSize;
        return (spec == "raw" ? 0 : SharedSize) + (((2 * head) + (isKey ? 0 : 1)) * half);
    }

    private float ReadHalf(int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(payload.AsSpan(offset));
}
