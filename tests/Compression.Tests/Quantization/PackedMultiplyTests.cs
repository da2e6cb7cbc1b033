using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

public sealed unsafe class PackedMultiplyTests
{
    public static TheoryData<int> BitCounts() => [1, 2, 3, 4, 5, 6, 7, 8];

    [Theory]
    [MemberData(nameof(BitCounts))]
    public void Multiply_EveryPathShapeAndStride_IsOneChainAnElement(int bitCount)
    {
        foreach ((int rows, int depth, int columns) in new[] { (1, 64, 64), (3, 80, 16), (4, 64, 48), (7, 130, 80), (65, 16, 144) })
        {
            byte[] packed = Random(depth * columns * bitCount / 8, bitCount);
            float[] x = Latents.Floats(rows * (depth + 3), 1);
            float[] before = Latents.Floats(rows * (columns + 5), 2);
            foreach (bool accumulate in new[] { false, true })
            {
                float[] expected = Chains(x, rows, depth, packed, columns, bitCount, before, accumulate);
                foreach (SimdPath path in SimdPaths.All)
                {
                    float[] actual = [.. before];
                    using var guarded = new GuardedBytes(packed);
                    fixed (float* a = x, y = actual)
                    {
                        PackedMultiply.Create(path, bitCount).Multiply(
                            a, depth + 3, rows, depth, guarded.Start, columns, y, columns + 5, accumulate);
                    }

                    Assert.Equal(expected, actual);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(BitCounts))]
    public void Store_AnyCodes_AreReadBack(int bitCount)
    {
        int[] codes = [.. Random(64, bitCount).Select(value => value & ((1 << bitCount) - 1))];
        byte[] packed = new byte[64 * bitCount / 8];
        fixed (byte* start = packed)
        fixed (int* source = codes)
        {
            byte* end = start;
            for (int i = 0; i < codes.Length; i += 16)
            {
                end = CodePacking.Store(
                    System.Runtime.Intrinsics.Vector256.Load(source + i), System.Runtime.Intrinsics.Vector256.Load(source + i + 8), bitCount, end);
            }

            Assert.Equal(packed.Length, (int)(end - start));
            Assert.Equal(codes, Enumerable.Range(0, 64).Select(i => Read(packed, i, bitCount)));
        }
    }

    [Fact]
    public void Create_BitCountThatIsNone_Throws() =>
        Assert.All(SimdPaths.All, path => Assert.Throws<ArgumentOutOfRangeException>(() => PackedMultiply.Create(path, 9)));

    private static float[] Chains(
        float[] x, int rows, int depth, byte[] packed, int columns, int bitCount, float[] before, bool accumulate)
    {
        float[] y = [.. before];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                float chain = accumulate ? before[(row * (columns + 5)) + column] : 0;
                for (int p = 0; p < depth; p++)
                {
                    chain = MathF.FusedMultiplyAdd(x[(row * (depth + 3)) + p], Read(packed, (p * columns) + column, bitCount), chain);
                }

                y[(row * (columns + 5)) + column] = chain;
            }
        }

        return y;
    }

    private static int Read(byte[] packed, int element, int bitCount)
    {
        fixed (byte* codes = packed)
        {
            return PackedCodes.Read(codes, element, bitCount);
        }
    }

    private static byte[] Random(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
