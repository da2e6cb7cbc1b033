using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Sampling;

/// <summary>The filters as their papers say them: sort everything, then cut.</summary>
internal static class NaiveFilter
{
    /// <summary>Null when the cut of top-p falls so near a token that the order of summation decides.</summary>
    public static List<(int Id, double Weight)>? Keep(float[] logits, SamplingParameters parameters)
    {
        var max = logits.Max();
        var sorted = logits
            .Select((logit, id) => (Id: id, Weight: Math.Exp(-(((double)max - logit) * (1.0 / parameters.Temperature)))))
            .OrderByDescending(token => token.Weight).ThenBy(token => token.Id).ToList();
        var isFiltered = (parameters.TopK > 0 && parameters.TopK < logits.Length) || parameters.TopP < 1;
        if (parameters.TopK > 0)
        {
            sorted = [.. sorted.Take(parameters.TopK)];
        }

        var wanted = parameters.TopP * sorted.Sum(token => token.Weight);
        var mass = 0.0;
        var kept = new List<(int Id, double Weight)>();
        foreach (var token in sorted)
        {
            if (parameters.TopP < 1 && Math.Abs(mass - wanted) < 1e-9)
            {
                return null;
            }

            if (kept.Count > 0 && ((parameters.TopP < 1 && mass >= wanted) || token.Weight < parameters.MinP || token.Weight == 0))
            {
                break;
            }

            kept.Add(token);
            mass += token.Weight;
        }

        // Unsorted sampling walks the tokens in the order of their ids.
        return isFiltered ? kept : [.. kept.OrderBy(token => token.Id)];
    }

    public static int Draw(List<(int Id, double Weight)> kept, double uniform)
    {
        var target = uniform * kept.Sum(token => token.Weight);
        var mass = 0.0;
        foreach (var (id, weight) in kept)
        {
            mass += weight;
            if (target < mass)
            {
                return id;
            }
        }

        return kept[^1].Id;
    }
}
