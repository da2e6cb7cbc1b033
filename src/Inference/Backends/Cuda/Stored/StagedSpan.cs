namespace KvCluster.Inference.Backends.Cuda.Stored;

/// <summary>Bytes of a payload that attention copies to shared memory; all numbers are multiples of 16.</summary>
/// <param name="From">Offset in the payload.</param>
/// <param name="To">Offset in shared memory.</param>
/// <param name="SizeBytes">How many.</param>
internal readonly record struct StagedSpan(int From, int To, int SizeBytes);
