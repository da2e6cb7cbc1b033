using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Reads single codes. Codes lie in groups of 16, a group of b bits a code in 2·b bytes; of 4 bits in <see cref="NibbleOrder"/>, else bit after bit,
/// the first in the lowest.
/// </summary>
internal static unsafe class PackedCodes
{
    public const int GroupLength = 16;

    /// <param name="codes">The beginning of the matrix; rows are whole groups, so rows need not be told apart.</param>
    /// <param name="element">Index from there.</param>
    /// <param name="bitCount">1 to 8.</param>
    public static int Read(byte* codes, int element, int bitCount) =>
        bitCount == 4 ? NibbleOrder.Read(codes, element) : ReadDense(codes, element, bitCount);

    /// <summary>A code of a matrix that lies bit after bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadDense(byte* codes, int element, int bitCount)
    {
        int bit = element * bitCount;
        int code = codes[bit / 8] >> (bit % 8);
        if ((bit % 8) + bitCount > 8)
        {
            code |= codes[(bit / 8) + 1] << (8 - (bit % 8));
        }

        return code & ((1 << bitCount) - 1);
    }

    /// <summary>8 codes of a matrix that lies bit after bit.</summary>
    public static Vector256<float> ReadDense8(byte* codes, int element, int bitCount)
    {
        float* lanes = stackalloc float[8];
        for (int i = 0; i < 8; i++)
        {
            lanes[i] = ReadDense(codes, element + i, bitCount);
        }

        return Vector256.Load(lanes);
    }
}
