using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Softmax of whole rows of scores in base 2, added to the sums of the tokens.</summary>
internal static unsafe class ProbeSoftmax
{
    /// <summary>sums[i] += softmax(scores)[i] over the first <paramref name="visibleCount"/> tokens.</summary>
    /// <param name="scores">Overwritten; a multiple of 8 in length, at least <paramref name="visibleCount"/>.</param>
    /// <param name="visibleCount">Tokens that the row sees.</param>
    /// <param name="length">Of <paramref name="scores"/> and <paramref name="sums"/>.</param>
    /// <param name="sums">By token.</param>
    public static void Add(float* scores, int visibleCount, int length, float* sums)
    {
        new Span<float>(scores + visibleCount, length - visibleCount).Fill(float.NegativeInfinity);
        Vector256<float> greatest = Vector256.Load(scores);
        for (int i = 8; i < length; i += 8)
        {
            greatest = Vector256.MaxNative(greatest, Vector256.Load(scores + i));
        }

        Vector256<float> shift = Vector256.Create(VectorMath.Max(greatest));
        Vector256<float> total = default;
        for (int i = 0; i < length; i += 8)
        {
            Vector256<float> weight = VectorMath.Exp2(Vector256.Load(scores + i) - shift);
            weight.Store(scores + i);
            total += weight;
        }

        Vector256<float> inverse = Vector256.Create(1 / VectorMath.Sum(total));
        for (int i = 0; i < length; i += 8)
        {
            Vector256.FusedMultiplyAdd(Vector256.Load(scores + i), inverse, Vector256.Load(sums + i)).Store(sums + i);
        }
    }
}
