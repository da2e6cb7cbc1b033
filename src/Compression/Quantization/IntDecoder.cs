using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>Decodes a payload value by value: x̂ = fma(code, s, z)·c.</summary>
internal static unsafe class IntDecoder
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    public static void Decode(KvGeometry geometry, IntPayload layout, byte* payload, float* openLayer)
    {
        for (int head = 0; head < geometry.KvHeadCount; head++)
        {
            float* keys = openLayer + (2 * head * Tokens * geometry.HeadSize);
            float* values = keys + (Tokens * geometry.HeadSize);
            for (int channel = 0; channel < geometry.HeadSize; channel++)
            {
                float keyScale = ChannelScale.Decode(payload[layout.KeyChannelScales(head) + channel]);
                float valueScale = ChannelScale.Decode(payload[layout.ValueChannelScales(head) + channel]);
                byte* keyRow = payload + layout.KeyCodes(head) + (channel * layout.KeyRowSize);
                for (int token = 0; token < Tokens; token++)
                {
                    byte* valueRow = payload + layout.ValueCodes(head) + (token * layout.ValueRowSize);
                    keys[(channel * Tokens) + token] =
                        Restore(payload + IntPayload.KeyScales, token, Code(layout, keyRow, token)) * keyScale;
                    values[(token * geometry.HeadSize) + channel] =
                        Restore(payload + IntPayload.ValueScales, token, Code(layout, valueRow, channel)) * valueScale;
                }
            }
        }
    }

    private static float Restore(byte* parameters, int token, int code)
    {
        var halves = (Half*)parameters;
        return MathF.FusedMultiplyAdd(code, HalfConversion.ToSingle(halves[token]), HalfConversion.ToSingle(halves[token + Tokens]));
    }

    private static int Code(IntPayload layout, byte* row, int element) =>
        layout.BitCount == 4 ? NibbleOrder.Read(row, element) : row[element];
}
