using System.Numerics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>The order in which chosen tokens are stored first, the others after them, both ascending.</summary>
internal static unsafe class TokenOrder
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>Writes the 64 tokens in their stored order.</summary>
    public static void List(ulong chosen, byte* tokens)
    {
        for (ulong rest = chosen; rest != 0; rest &= rest - 1)
        {
            *tokens++ = (byte)BitOperations.TrailingZeroCount(rest);
        }

        for (ulong rest = ~chosen; rest != 0; rest &= rest - 1)
        {
            *tokens++ = (byte)BitOperations.TrailingZeroCount(rest);
        }
    }

    /// <summary>64 floats by token to stored order.</summary>
    public static void ToStored(byte* tokens, float* source, float* destination)
    {
        for (int i = 0; i < Tokens; i++)
        {
            destination[i] = source[tokens[i]];
        }
    }

    /// <summary>64 floats in stored order to their tokens.</summary>
    public static void ToTokens(byte* tokens, float* source, float* destination)
    {
        for (int i = 0; i < Tokens; i++)
        {
            destination[tokens[i]] = source[i];
        }
    }

    /// <summary>A layer's K and V to stored order, or back from it.</summary>
    public static void MoveLayer(LatentShape shape, byte* tokens, float* source, float* destination, bool toStored)
    {
        for (int head = 0; head < shape.HeadCount; head++)
        {
            for (int channel = 0; channel < shape.KeySize(head); channel++)
            {
                int row = shape.KeyOffset(head) + (channel * Tokens);
                if (toStored)
                {
                    ToStored(tokens, source + row, destination + row);
                }
                else
                {
                    ToTokens(tokens, source + row, destination + row);
                }
            }

            int size = shape.ValueSize(head);
            for (int i = 0; i < Tokens; i++)
            {
                int stored = shape.ValueOffset(head) + (i * size);
                int plain = shape.ValueOffset(head) + (tokens[i] * size);
                (int from, int to) = toStored ? (plain, stored) : (stored, plain);
                new ReadOnlySpan<float>(source + from, size).CopyTo(new Span<float>(destination + to, size));
            }
        }
    }
}
