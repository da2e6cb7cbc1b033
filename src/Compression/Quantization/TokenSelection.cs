using System.Runtime.CompilerServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>Picks the tokens of a Block that get more bits, as a set of 64 bits: bit t stands for token t.</summary>
/// <param name="shape">Of the layer.</param>
/// <param name="count">How many to pick.</param>
/// <param name="seed">Null: the most salient; else a random choice, of the Block's content and this number.</param>
internal sealed unsafe class TokenSelection(LatentShape shape, int count, ulong? seed)
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    public int Count => count;

    public bool NeedsSaliency => seed is null;

    /// <param name="latent">K and V, in the order of their tokens.</param>
    /// <param name="saliency">By token; ties go to the earlier. NaN is least.</param>
    public ulong Choose(float* latent, ReadOnlySpan<float> saliency)
    {
        Span<ulong> ranks = stackalloc ulong[Tokens];
        ulong content = seed is null ? 0 : Content(latent, seed.Value);
        for (int token = 0; token < Tokens; token++)
        {
            uint weight = seed is null ? Order(saliency[token]) : (uint)(Mix(content + (ulong)token) >> 32);
            ranks[token] = ((ulong)weight << 32) | (uint)(Tokens - token);
        }

        Span<ulong> sorted = stackalloc ulong[Tokens];
        ranks.CopyTo(sorted);
        sorted.Sort();
        ulong least = sorted[Tokens - count];
        ulong chosen = 0;
        for (int token = 0; token < Tokens; token++)
        {
            chosen |= (ranks[token] >= least ? 1UL : 0) << token;
        }

        return chosen;
    }

    /// <summary>A number that orders as the float does.</summary>
    private static uint Order(float value)
    {
        uint bits = float.IsNaN(value) ? 0xFF800000 : BitConverter.SingleToUInt32Bits(value + 0f);
        return (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
    }

    private ulong Content(float* latent, ulong start)
    {
        ulong hash = Mix(start);
        for (int i = 0; i < shape.Length; i += Tokens)
        {
            hash = Mix(hash ^ Unsafe.ReadUnaligned<uint>(latent + i));
        }

        return hash;
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood 2014).</summary>
    private static ulong Mix(ulong z)
    {
        z = unchecked(z + 0x9E3779B97F4A7C15);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}
