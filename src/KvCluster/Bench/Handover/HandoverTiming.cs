namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One request, seen from the client, or the medians of several.</summary>
/// <param name="FirstTokenMs">To the first token, which the prefill worker gives when the prompt is done.</param>
/// <param name="HandoverMs">From then to the next one, the decode worker's first.</param>
/// <param name="LinkBytes">What the request moved over the links.</param>
/// <param name="DirectCount">Requests of which slabs came straight from the prefill worker.</param>
internal readonly record struct HandoverTiming(double FirstTokenMs, double HandoverMs, long LinkBytes, int DirectCount)
{
    public static HandoverTiming Median(IReadOnlyList<HandoverTiming> timings) => new(
        Middle(timings.Select(timing => timing.FirstTokenMs)),
        Middle(timings.Select(timing => timing.HandoverMs)),
        (long)Middle(timings.Select(timing => (double)timing.LinkBytes)),
        0);

    private static double Middle(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }
}
