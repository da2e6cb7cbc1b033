namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Sums in the fixed order of kernels: 16 lanes by index modulo 16, then halves added until one is left.</summary>
internal static class Sums
{
    public static float Of(float[] terms)
    {
        float[] lanes = new float[16];
        for (int i = 0; i < terms.Length; i++)
        {
            lanes[i % 16] += terms[i];
        }

        return Fold(lanes);
    }

    public static float OfProducts(float[] left, float[] right)
    {
        float[] lanes = new float[16];
        for (int i = 0; i < left.Length; i++)
        {
            lanes[i % 16] = MathF.FusedMultiplyAdd(left[i], right[i], lanes[i % 16]);
        }

        return Fold(lanes);
    }

    private static float Fold(float[] lanes)
    {
        for (int half = lanes.Length / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
            {
                lanes[i] += lanes[i + half];
            }
        }

        return lanes[0];
    }
}
