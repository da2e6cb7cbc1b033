namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One request, seen from the client, or the medians of several.</summary>
/// <param name="FirstTokenMs">To the first token, which the prefill worker gives when the prompt is done.</param>
/// <param name="HandoverMs">From then to the next one, the decode worker's first.</param>
/// <param name="LinkBytes">What the request moved over the links.</param>
/// <param name="DirectCount">Requests of which slabs came straight from the prefill worker.</param>
internal readonly record struct HandoverTiming(double FirstTokenMs, double HandoverMs, long LinkBytes, int DirectCount);
