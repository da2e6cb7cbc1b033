using System.Numerics.Tensors;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Adds up how far next-token distributions lie from those of <c>raw</c>.</summary>
internal sealed class KlSum
{
    private double _sum;
    private int _sameTokenCount;

    public int Count { get; private set; }

    /// <summary>Mean of KL(raw ‖ codec), nats; 0 without distributions.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Share with the same likeliest token; 1 without distributions.</summary>
    public double SameTokenShare => Count == 0 ? 1 : (double)_sameTokenCount / Count;

    /// <summary>Adds one pair of logits over the same vocabulary.</summary>
    public void Add(ReadOnlySpan<float> raw, ReadOnlySpan<float> codec)
    {
        Count++;
        _sameTokenCount += TensorPrimitives.IndexOfMax(raw) == TensorPrimitives.IndexOfMax(codec) ? 1 : 0;
        _sum += Divergence(raw, codec);
    }

    /// <summary>KL(softmax p ‖ softmax q), nats; never negative.</summary>
    public static double Divergence(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        double logTotalP = LogSumExp(p);
        double logTotalQ = LogSumExp(q);
        double sum = 0;
        for (int i = 0; i < p.Length; i++)
        {
            double logP = p[i] - logTotalP;
            sum += Math.Exp(logP) * (logP - (q[i] - logTotalQ));
        }

        return Math.Max(0, sum);
    }

    private static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float maximum = TensorPrimitives.Max(logits);
        double total = 0;
        foreach (float logit in logits)
        {
            total += Math.Exp(logit - maximum);
        }

        return maximum + Math.Log(total);
    }
}
