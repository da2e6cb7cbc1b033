namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One request, seen from the client.</summary>
/// <param name="FirstTokenMs">To the first token, which the prefill worker gives when the prompt is done.</param>
/// <param name="HandoverMs">From then to the next one, the decode worker's first.</param>
/// <param name="LinkBytes">What the request moved over the link.</param>
internal readonly record struct HandoverTiming(double FirstTokenMs, double HandoverMs, long LinkBytes);
