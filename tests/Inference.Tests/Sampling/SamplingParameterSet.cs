using System.Collections.Immutable;

namespace KvCluster.Inference.Tests.Sampling;

internal static class SamplingParameterSet
{
    public static ImmutableDictionary<int, float> Bias(int id, float bias) => ImmutableDictionary<int, float>.Empty.Add(id, bias);
}
