using System.Numerics.Tensors;

namespace KvCluster.Inference.Sampling;

/// <summary>Log probabilities of the untouched logits: the most likely tokens and any one by id.</summary>
internal sealed class TopLogprobs
{
    private readonly TokenLogprob[] _top = new TokenLogprob[SamplingParameters.MaxLogprobCount];
    private float[] _logprobs = [];
    private int _count;

    public ReadOnlySpan<TokenLogprob> Top => _top.AsSpan(0, _count);

    /// <summary>Takes in one row of logits; <paramref name="max"/> is the largest and finite.</summary>
    public void Read(ReadOnlySpan<float> logits, float max, int count)
    {
        if (_logprobs.Length < logits.Length)
        {
            _logprobs = new float[logits.Length];
        }

        var logprobs = _logprobs.AsSpan(0, logits.Length);
        TensorPrimitives.Subtract(logits, max, logprobs);
        double sum = 0;
        foreach (var value in logprobs)
        {
            sum += Math.Exp(value);
        }

        TensorPrimitives.Subtract(logprobs, (float)Math.Log(sum), logprobs);
        Select(logprobs, Math.Min(count, logprobs.Length));
    }

    public float GetLogprob(int id) => _logprobs[id];

    private void Select(ReadOnlySpan<float> logprobs, int count)
    {
        _count = 0;
        if (count == 0)
        {
            return;
        }

        // Insertion into a sorted list of at most 20; ids come in rising order, so equals stay behind.
        for (var id = 0; id < logprobs.Length; id++)
        {
            var value = logprobs[id];
            if (_count == count && value <= _top[_count - 1].Logprob)
            {
                continue;
            }

            var place = _count < count ? _count++ : _count - 1;
            while (place > 0 && _top[place - 1].Logprob < value)
            {
                _top[place] = _top[place - 1];
                place--;
            }

            _top[place] = new TokenLogprob(id, value);
        }
    }
}
