using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Numerics;

public sealed class HalfConversionTests
{
    [Fact]
    public void ToSingle_EveryBitPattern_EqualsTheRuntimeOrIsFinite()
    {
        Half[] all = [.. Enumerable.Range(0, 65536).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits))];
        float[] converted = new float[all.Length];
        HalfConversion.ToSingle(all, converted);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal(BitConverter.SingleToInt32Bits(HalfConversion.ToSingle(all[i])), BitConverter.SingleToInt32Bits(converted[i]));
            if (Half.IsFinite(all[i]))
            {
                Assert.Equal(BitConverter.SingleToInt32Bits((float)all[i]), BitConverter.SingleToInt32Bits(converted[i]));
            }
            else
            {
                Assert.InRange(MathF.Abs(converted[i]), 65536, 131072);
                Assert.Equal(Half.IsNegative(all[i]), converted[i] < 0);
            }
        }
    }

    [Fact]
    public void ToSingle_LengthNotWholeVectors_ConvertsTheRest()
    {
        for (int length = 0; length < 40; length++)
        {
            float[] converted = new float[length + 1];
            HalfConversion.ToSingle([.. Enumerable.Range(1, length).Select(value => (Half)value)], converted);
            Assert.Equal([.. Enumerable.Range(1, length).Select(value => (float)value), 0], converted);
        }
    }
}
