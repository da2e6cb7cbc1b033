using System.Runtime.Intrinsics;
using KvCluster.Inference.Backends.Cpu;

namespace KvCluster.Inference.Tests.Backends;

public sealed class VectorMathTests
{
    [Fact]
    public void Exp2_WholeRange_RelativeErrorBelow2E7()
    {
        for (float x = -126; x <= 127; x += 0.0371f)
        {
            double expected = Math.Pow(2, x);
            Assert.InRange(VectorMath.Exp2(Vector256.Create(x)).ToScalar() / expected, 1 - 2e-7, 1 + 2e-7);
        }
    }

    [Fact]
    public void Exp2_Edges_ZeroOneSaturatedAndNan()
    {
        Assert.Equal(0, VectorMath.Exp2(Vector256.Create(float.NegativeInfinity)).ToScalar());
        Assert.Equal(0, VectorMath.Exp2(Vector256.Create(-126.01f)).ToScalar());
        Assert.Equal(1, VectorMath.Exp2(Vector256<float>.Zero).ToScalar());
        Assert.Equal(MathF.Pow(2, 127), VectorMath.Exp2(Vector256.Create(float.PositiveInfinity)).ToScalar());
        Assert.True(float.IsNaN(VectorMath.Exp2(Vector256.Create(float.NaN)).ToScalar()));
    }
}
