using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Quantization;

/// <summary>Uniform mid-rise codes of values in units of one step: code = ⌊x + 2^(b−1)⌋, clamped to b bits.</summary>
internal static unsafe class MidRiseCodes
{
    private const int Width = 8;

    /// <summary>Packs a matrix of <paramref name="rowCount"/> × <paramref name="columnCount"/>; columns a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* source, int stride, int rowCount, int columnCount, int bitCount, byte* codes)
    {
        for (int row = 0; row < rowCount; row++)
        {
            for (int column = 0; column < columnCount; column += 2 * Width)
            {
                codes = CodePacking.Store(
                    Codes(source + column, bitCount), Codes(source + column + Width, bitCount), bitCount, codes);
            }

            source += stride;
        }
    }

    /// <summary>The middle of each code's step.</summary>
    public static void Unpack(byte* codes, BitRun run, int rowCount, int columnCount, float* destination, int stride)
    {
        for (int i = 0; i < rowCount * columnCount; i++)
        {
            (int row, int column) = Math.DivRem(i, columnCount);
            destination[((nint)row * stride) + column] = PackedCodes.Read(codes, i, run.BitCount) + run.Zero;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Codes(float* source, int bitCount)
    {
        Vector256<float> raised = Vector256.Load(source) + Vector256.Create((float)(1 << (bitCount - 1)));
        Vector256<float> clamped = Vector256.MinNative(Vector256.MaxNative(raised, Vector256<float>.Zero), Vector256.Create((float)((1 << bitCount) - 1)));
        return Vector256.ConvertToInt32Native(clamped);
    }
}
