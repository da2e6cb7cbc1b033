using KvCluster.Inference.Backends.Cpu;

namespace KvCluster.Inference.Tests.Backends;

public sealed unsafe class HalfRoundingTests
{
    [Fact]
    public void TryRound_AroundEveryHalfAndEveryTie_EqualsTheConversion()
    {
        List<float> values = [];
        for (int bits = 0; bits < 0x7C00; bits++)
        {
            float value = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            float next = bits + 1 == 0x7C00 ? 65536 : (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1));
            float middle = value + ((next - value) / 2);
            foreach (float x in (float[])[value, MathF.BitIncrement(value), middle, MathF.BitDecrement(middle), MathF.BitIncrement(middle)])
            {
                if (x < HalfRounding.Limit)
                {
                    values.AddRange([x, -x]);
                }
            }
        }

        values.AddRange(Enumerable.Repeat(float.Epsilon, 16 - (values.Count % 16)));
        float[] source = [.. values];
        var rounded = new Half[source.Length];
        fixed (float* from = source)
        fixed (Half* to = rounded)
        {
            Assert.True(HalfRounding.TryRound(from, to, source.Length));
        }

        Assert.Equal(source.Select(value => BitConverter.HalfToUInt16Bits((Half)value)), rounded.Select(BitConverter.HalfToUInt16Bits));
    }

    [Theory]
    [InlineData(65520f)]
    [InlineData(-65520f)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NaN)]
    [InlineData(-float.MaxValue)]
    public void TryRound_OneThatDoesNotFit_False(float value)
    {
        for (int place = 0; place < 32; place++)
        {
            var source = new float[32];
            var rounded = new Half[32];
            source[place] = value;
            fixed (float* from = source)
            fixed (Half* to = rounded)
            {
                Assert.False(HalfRounding.TryRound(from, to, 32));
            }
        }
    }
}
