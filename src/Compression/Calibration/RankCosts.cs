namespace KvCluster.Compression.Calibration;

/// <summary>
/// What lower ranks cost one layer: squared errors of its attention output, added up over sampled queries, for each KV head, side and rank
/// alone. Errors of different heads and sides are taken to add up.
/// </summary>
public sealed class RankCosts
{
    private readonly double[,] _key; // [head][step]: rank (step + 1)·16; 0 for the full rank
    private readonly double[,] _value;
    private readonly int _stepCount;

    /// <param name="headCount">KV heads.</param>
    /// <param name="headSize">Full rank; a multiple of 16.</param>
    public RankCosts(int headCount, int headSize)
    {
        _stepCount = headSize / Ranks.Step;
        _key = new double[headCount, _stepCount];
        _value = new double[headCount, _stepCount];
    }

    /// <summary>Squared length of the layer's outputs, added up over the same queries.</summary>
    public double Total { get; set; }

    public int HeadCount => _key.GetLength(0);

    public void AddKey(int head, int rank, double squaredError) => _key[head, (rank / Ranks.Step) - 1] += squaredError;

    public void AddValue(int head, int rank, double squaredError) => _value[head, (rank / Ranks.Step) - 1] += squaredError;

    /// <summary>
    /// Ranks of a small total whose summed error stays within a share of the outputs' length: of all cuts that fit, the one that costs least a
    /// channel, until none fits (the search of ZACK by layer, papers.md 1.1; one threshold a layer is its coarse form).
    /// </summary>
    public IReadOnlyList<HeadRanks> Cheapest(double relativeError)
    {
        double left = relativeError * relativeError * Total;
        var steps = new int[HeadCount, 2];
        for (int head = 0; head < HeadCount; head++)
        {
            steps[head, 0] = steps[head, 1] = _stepCount - 1;
        }

        while (NextCut(steps, left) is { } cut)
        {
            left -= cut.Cost;
            steps[cut.Head, cut.Side] = cut.Step;
        }

        return [.. Enumerable.Range(0, HeadCount).Select(head => new HeadRanks(
            (steps[head, 0] + 1) * Ranks.Step, (steps[head, 1] + 1) * Ranks.Step))];
    }

    private (int Head, int Side, int Step, double Cost)? NextCut(int[,] steps, double left)
    {
        (int Head, int Side, int Step, double Cost)? best = null;
        double bestRate = double.PositiveInfinity;
        for (int head = 0; head < HeadCount; head++)
        {
            for (int side = 0; side < 2; side++)
            {
                double[,] errors = side == 0 ? _key : _value;
                int current = steps[head, side];
                for (int step = 0; step < current; step++)
                {
                    double cost = errors[head, step] - errors[head, current];
                    double rate = cost / (current - step);
                    if (cost <= left && rate < bestRate)
                    {
                        (best, bestRate) = ((head, side, step, cost), rate);
                    }
                }
            }
        }

        return best;
    }
}
