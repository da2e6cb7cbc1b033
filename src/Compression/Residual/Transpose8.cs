using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Compression.Residual;

/// <summary>Transposes 8 × 8 floats.</summary>
internal static unsafe class Transpose8
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(float* source, nint sourceStride, float* destination, nint destinationStride)
    {
        if (Avx.IsSupported)
        {
            CopyAvx(source, sourceStride, destination, destinationStride);
            return;
        }

        for (nint i = 0; i < 8; i++)
        {
            for (nint j = 0; j < 8; j++)
            {
                destination[(j * destinationStride) + i] = source[(i * sourceStride) + j];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyAvx(float* a, nint aStride, float* b, nint bStride)
    {
        // Halves of 4 columns: row i below, row i + 4 above; then four 4 × 4 transposes at once.
        for (int half = 0; half < 2; half++, a += 4, b += 4 * bStride)
        {
            var r0 = Vector256.Create(Vector128.Load(a), Vector128.Load(a + (4 * aStride)));
            var r1 = Vector256.Create(Vector128.Load(a + aStride), Vector128.Load(a + (5 * aStride)));
            var r2 = Vector256.Create(Vector128.Load(a + (2 * aStride)), Vector128.Load(a + (6 * aStride)));
            var r3 = Vector256.Create(Vector128.Load(a + (3 * aStride)), Vector128.Load(a + (7 * aStride)));
            Vector256<float> low01 = Avx.UnpackLow(r0, r1);
            Vector256<float> high01 = Avx.UnpackHigh(r0, r1);
            Vector256<float> low23 = Avx.UnpackLow(r2, r3);
            Vector256<float> high23 = Avx.UnpackHigh(r2, r3);
            Avx.Shuffle(low01, low23, 0x44).Store(b);
            Avx.Shuffle(low01, low23, 0xEE).Store(b + bStride);
            Avx.Shuffle(high01, high23, 0x44).Store(b + (2 * bStride));
            Avx.Shuffle(high01, high23, 0xEE).Store(b + (3 * bStride));
        }
    }
}
