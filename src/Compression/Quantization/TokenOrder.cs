using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>The order in which chosen tokens are stored first, the others after them, both ascending. A set of tokens has bit t for token t.</summary>
internal static unsafe class TokenOrder
{
    /// <summary>Floats after a row in stored order that may be read or overwritten.</summary>
    public const int Slack = Width;

    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int Width = 8;

    /// <summary>For 8 tokens of which some are chosen, the lanes of the chosen ones.</summary>
    private static readonly byte* CompressLanes = Table((set, lane) => NthMember(set, lane));

    /// <summary>For 8 tokens, how many of its own kind are before each.</summary>
    private static readonly byte* ExpandLanes = Table((set, lane) =>
        BitOperations.PopCount((uint)((set >> lane & 1) == 1 ? set : ~set) & ((1u << lane) - 1)));

    /// <summary>64 floats by token to stored order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToStored(ulong chosen, float* source, float* destination)
    {
        destination = Compress(chosen, source, destination);
        Compress(~chosen, source, destination);
    }

    /// <summary>64 floats in stored order to their tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToTokens(ulong chosen, float* source, float* destination)
    {
        float* others = source + BitOperations.PopCount(chosen);
        if (!Avx2.IsSupported)
        {
            for (int token = 0; token < Tokens; token++)
            {
                destination[token] = (chosen >> token & 1) == 1 ? *source++ : *others++;
            }

            return;
        }

        var bits = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128);
        for (int token = 0; token < Tokens; token += Width)
        {
            int set = (byte)(chosen >> token);
            Vector256<int> lanes = Widening.Bytes8(ExpandLanes + (Width * set));
            Vector256<int> isChosen = Vector256.Equals(Vector256.Create(set) & bits, bits);
            Vector256<float> first = Avx2.PermuteVar8x32(Vector256.Load(source), lanes);
            Vector256<float> second = Avx2.PermuteVar8x32(Vector256.Load(others), lanes);
            Vector256.ConditionalSelect(isChosen.AsSingle(), first, second).Store(destination + token);
            int count = BitOperations.PopCount((uint)set);
            source += count;
            others += Width - count;
        }
    }

    /// <summary>A layer's K and V to stored order; <paramref name="stored"/> has <see cref="Slack"/> after it.</summary>
    public static void LayerToStored(LatentShape shape, ulong chosen, float* latent, float* stored)
    {
        byte* tokens = stackalloc byte[Tokens];
        List(chosen, tokens);
        for (int head = 0; head < shape.HeadCount; head++)
        {
            for (int row = shape.KeyOffset(head); row < shape.ValueOffset(head); row += Tokens)
            {
                ToStored(chosen, latent + row, stored + row);
            }

            int size = shape.ValueSize(head);
            float* values = latent + shape.ValueOffset(head);
            for (int i = 0; i < Tokens; i++)
            {
                new ReadOnlySpan<float>(values + (tokens[i] * size), size).CopyTo(new Span<float>(stored + shape.ValueOffset(head) + (i * size), size));
            }
        }
    }

    /// <summary>The way back.</summary>
    public static void LayerToTokens(LatentShape shape, ulong chosen, float* stored, float* latent)
    {
        byte* tokens = stackalloc byte[Tokens];
        List(chosen, tokens);
        for (int head = 0; head < shape.HeadCount; head++)
        {
            for (int row = shape.KeyOffset(head); row < shape.ValueOffset(head); row += Tokens)
            {
                ToTokens(chosen, stored + row, latent + row);
            }

            int size = shape.ValueSize(head);
            float* values = latent + shape.ValueOffset(head);
            for (int i = 0; i < Tokens; i++)
            {
                new ReadOnlySpan<float>(stored + shape.ValueOffset(head) + (i * size), size).CopyTo(new Span<float>(values + (tokens[i] * size), size));
            }
        }
    }

    /// <summary>The members of a set to the front, in order; some floats after them are overwritten.</summary>
    /// <returns>The end of the members.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Compress(ulong set, float* source, float* destination)
    {
        if (!Avx2.IsSupported)
        {
            for (; set != 0; set &= set - 1)
            {
                *destination++ = source[BitOperations.TrailingZeroCount(set)];
            }

            return destination;
        }

        for (int token = 0; token < Tokens; token += Width)
        {
            int members = (byte)(set >> token);
            Avx2.PermuteVar8x32(Vector256.Load(source + token), Widening.Bytes8(CompressLanes + (Width * members))).Store(destination);
            destination += BitOperations.PopCount((uint)members);
        }

        return destination;
    }

    /// <summary>The 64 tokens in their stored order.</summary>
    private static void List(ulong chosen, byte* tokens)
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

    private static int NthMember(int set, int n)
    {
        for (int i = 0; i < n; i++)
        {
            set &= set - 1;
        }

        return set == 0 ? 0 : BitOperations.TrailingZeroCount(set);
    }

    /// <summary>8 lanes for each set of 8 tokens; never freed.</summary>
    private static byte* Table(Func<int, int, int> lane)
    {
        byte* table = (byte*)NativeMemory.AlignedAlloc(256 * Width, 64);
        for (int i = 0; i < 256 * Width; i++)
        {
            table[i] = (byte)lane(i / Width, i % Width);
        }

        return table;
    }
}
