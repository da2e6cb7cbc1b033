namespace KvCluster.Inference.Sampling;

/// <summary>
/// Temperature, top-k, top-p and min-p, then the draw. Weights are <c>exp((logit - max) / temperature)</c>, so the best is 1.
/// Sorting a whole vocabulary for a handful of survivors would cost more than the draw: tokens are counted into buckets of
/// like weight first, and only buckets that top-k and top-p can reach are sorted.
/// </summary>
internal sealed class CandidateFilter
{
    /// <summary>Buckets are 1/64 nat wide and reach 32 nats below the best; the last takes all the rest.</summary>
    private const int BucketsPerNat = 64;
    private const int BucketCount = (32 * BucketsPerNat) + 1;

    private readonly int[] _bucketCounts = new int[BucketCount];
    private readonly double[] _bucketWeights = new double[BucketCount];
    private double[] _weights = [];
    private ushort[] _buckets = [];
    private Candidate[] _candidates = [];

    /// <summary>
    /// The id drawn by <paramref name="uniform"/> in [0, 1); <paramref name="max"/> is the largest logit and finite.
    /// </summary>
    public int Choose(ReadOnlySpan<float> logits, float max, SamplingParameters parameters, double uniform)
    {
        var isSorted = parameters.TopP < 1 || (parameters.TopK > 0 && parameters.TopK < logits.Length);
        EnsureScratch(logits.Length, isSorted);
        Weigh(logits, max, 1.0 / parameters.Temperature, isSorted);
        var kept = isSorted ? SelectSorted(logits.Length, parameters) : SelectAll(logits.Length, parameters.MinP);
        return Draw(kept, uniform);
    }

    private void EnsureScratch(int length, bool isSorted)
    {
        if (_weights.Length < length)
        {
            _weights = new double[length];
            _candidates = new Candidate[length];
        }

        if (isSorted && _buckets.Length < length)
        {
            _buckets = new ushort[length];
        }
    }

    private void Weigh(ReadOnlySpan<float> logits, float max, double inverseTemperature, bool isSorted)
    {
        Array.Clear(_bucketCounts);
        Array.Clear(_bucketWeights);
        for (var id = 0; id < logits.Length; id++)
        {
            // The tiniest temperatures make 1/T infinite; 0 x infinity for the best token must stay 0.
            var gap = (double)max - logits[id];
            var nats = gap == 0 ? 0 : gap * inverseTemperature;
            var weight = Math.Exp(-nats);
            _weights[id] = weight;
            if (isSorted)
            {
                var bucket = nats < BucketCount / BucketsPerNat ? (int)(nats * BucketsPerNat) : BucketCount - 1;
                _buckets[id] = (ushort)bucket;
                _bucketCounts[bucket]++;
                _bucketWeights[bucket] += weight;
            }
        }
    }

    private Span<Candidate> SelectAll(int length, float minP)
    {
        var count = 0;
        for (var id = 0; id < length; id++)
        {
            if (_weights[id] > 0 && _weights[id] >= minP)
            {
                _candidates[count++] = new Candidate(_weights[id], id);
            }
        }

        return _candidates.AsSpan(0, count);
    }

    private Span<Candidate> SelectSorted(int length, SamplingParameters parameters)
    {
        var topK = parameters.TopK > 0 ? Math.Min(parameters.TopK, length) : length;
        var isTopK = topK < length;
        var lastBucket = FindLastBucket(topK, isTopK, parameters.TopP);
        var count = 0;
        for (var id = 0; id < length; id++)
        {
            if (_buckets[id] <= lastBucket)
            {
                _candidates[count++] = new Candidate(_weights[id], id);
            }
        }

        var sorted = _candidates.AsSpan(0, count);
        sorted.Sort();
        sorted = sorted[..Math.Min(topK, count)];

        // Without top-k, top-p is a share of all tokens, not of the gathered ones.
        var total = 0.0;
        if (isTopK)
        {
            foreach (var candidate in sorted)
            {
                total += candidate.Weight;
            }
        }
        else
        {
            foreach (var weight in _bucketWeights)
            {
                total += weight;
            }
        }

        return CutByMass(sorted, parameters.TopP * total, parameters.MinP);
    }

    /// <summary>The first bucket by which enough tokens, and enough weight for top-p, have been seen.</summary>
    private int FindLastBucket(int topK, bool isTopK, float topP)
    {
        var total = 0.0;
        foreach (var weight in _bucketWeights)
        {
            total += weight;
        }

        var count = 0;
        var mass = 0.0;
        for (var bucket = 0; bucket < BucketCount; bucket++)
        {
            count += _bucketCounts[bucket];
            mass += _bucketWeights[bucket];

            // Sums in another order differ in the last bits: gather a little more rather than less.
            // Under top-k, top-p is a share of the top k, so all k are needed first.
            var hasMass = !isTopK && mass >= topP * total * (1 + 1e-12);
            if (count >= topK || hasMass)
            {
                return bucket;
            }
        }

        return BucketCount - 1;
    }

    private static Span<Candidate> CutByMass(Span<Candidate> sorted, double wantedMass, float minP)
    {
        var mass = 0.0;
        var kept = 0;
        while (kept < sorted.Length && (kept == 0 || (mass < wantedMass && sorted[kept].Weight >= minP)))
        {
            mass += sorted[kept].Weight;
            kept++;
        }

        return sorted[..kept];
    }

    private static int Draw(ReadOnlySpan<Candidate> kept, double uniform)
    {
        var total = 0.0;
        foreach (var candidate in kept)
        {
            total += candidate.Weight;
        }

        var target = uniform * total;
        var mass = 0.0;
        foreach (var candidate in kept)
        {
            mass += candidate.Weight;
            if (target < mass)
            {
                return candidate.Id;
            }
        }

        return kept[^1].Id;
    }
}
