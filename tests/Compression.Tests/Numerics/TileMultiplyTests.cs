using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Tests.Codecs;

namespace KvCluster.Compression.Tests.Numerics;

public sealed unsafe class TileMultiplyTests
{
    [Fact]
    public void Multiply_AnyShapeStrideAndPath_EqualsOracleBitForBit()
    {
        var shapes = from m in Gen.Choose(0, 20)
                     from n in Gen.Choose(0, 140)
                     from k in Gen.Choose(0, 40)
                     from padding in Gen.Choose(0, 5)
                     from accumulate in Gen.Elements(true, false)
                     select (m, n, k, padding, accumulate);
        Prop.ForAll(shapes.ToArbitrary(), shape => Check(shape.m, shape.n, shape.k, shape.padding, shape.accumulate))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(400));
    }

    [Fact]
    public void Multiply_LongDepthInPieces_EqualsOnePiece()
    {
        float[] a = OpenLayers.Floats(7 * 100, 1);
        float[] b = OpenLayers.Floats(100 * 48, 2);
        float[] whole = new float[7 * 48];
        float[] pieces = new float[7 * 48];
        TileMultiply.Multiply(a, 100, b, 48, whole, 48, 7, 48, 100, accumulate: false);
        TileMultiply.Multiply(a, 100, b, 48, pieces, 48, 7, 48, 37, accumulate: false);
        TileMultiply.Multiply(a.AsSpan(37), 100, b.AsSpan(37 * 48), 48, pieces, 48, 7, 48, 63, accumulate: true);
        Assert.Equal(whole, pieces);
    }

    [Fact]
    public void Multiply_SpanTooShort_Throws()
    {
        Assert.Throws<ArgumentException>("a", () => TileMultiply.Multiply(new float[5], 3, new float[9], 3, new float[6], 3, 2, 3, 3, false));
        Assert.Throws<ArgumentException>("b", () => TileMultiply.Multiply(new float[6], 3, new float[8], 3, new float[6], 3, 2, 3, 3, false));
        Assert.Throws<ArgumentException>("c", () => TileMultiply.Multiply(new float[6], 3, new float[9], 3, new float[6], 2, 2, 3, 3, false));
    }

    private static bool Check(int m, int n, int k, int padding, bool accumulate)
    {
        (int aStride, int bStride, int cStride) = (k + padding, n + padding, n + padding);
        float[] a = OpenLayers.Floats(m * aStride, 1);
        float[] b = OpenLayers.Floats(k * bStride, 2);
        float[] before = OpenLayers.Floats(m * cStride, 3);
        float[] expected = [.. before];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float chain = accumulate ? before[(i * cStride) + j] : 0;
                for (int p = 0; p < k; p++)
                {
                    chain = MathF.FusedMultiplyAdd(a[(i * aStride) + p], b[(p * bStride) + j], chain);
                }

                expected[(i * cStride) + j] = chain;
            }
        }

        foreach (SimdPath path in SimdPaths.All)
        {
            float[] actual = [.. before];
            fixed (float* aStart = a, bStart = b, cStart = actual)
            {
                TileMultiply.Multiply(path, new TileOperands(aStart, aStride, bStart, bStride, cStart, cStride, k, accumulate), m, n);
            }

            Assert.Equal(expected, actual);
        }

        return true;
    }
}
