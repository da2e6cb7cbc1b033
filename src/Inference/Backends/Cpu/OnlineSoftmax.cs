using System.Runtime.Intrinsics;
using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Softmax over the Blocks of a context, one Block after the other (Milakov and Gimelshein 2018), in base 2: the queries carry
/// log2(e). A Block always has 64 scores; missing tokens have minus infinity and get weight 0.
/// </summary>
internal static unsafe class OnlineSoftmax
{
    private const int Length = KvGeometry.BlockTokenCount;

    /// <summary>Turns the scores of one query into weights, and scales what it has summed so far to the new maximum.</summary>
    public static void Update(float* scores, ref float maximum, ref float sum, float* output, int outputLength)
    {
        Vector256<float> greatest = Vector256.Load(scores);
        for (int i = 8; i < Length; i += 8)
        {
            greatest = Vector256.MaxNative(greatest, Vector256.Load(scores + i));
        }

        float blockMaximum = VectorMath.Max(greatest);
        if (blockMaximum > maximum)
        {
            // Scaling by exactly 1 would change nothing, so leaving it out is the same for all.
            Vector256<float> scale = VectorMath.Exp2(Vector256.Create(maximum - blockMaximum));
            maximum = blockMaximum;
            sum *= scale.ToScalar();
            for (int i = 0; i < outputLength; i += 8)
            {
                (Vector256.Load(output + i) * scale).Store(output + i);
            }
        }

        Vector256<float> shift = Vector256.Create(maximum);
        Vector256<float> even = default;
        Vector256<float> odd = default;
        for (int i = 0; i < Length; i += 16)
        {
            Vector256<float> a = VectorMath.Exp2(Vector256.Load(scores + i) - shift);
            Vector256<float> b = VectorMath.Exp2(Vector256.Load(scores + i + 8) - shift);
            a.Store(scores + i);
            b.Store(scores + i + 8);
            even += a;
            odd += b;
        }

        sum += VectorMath.Sum(even + odd);
    }
}
