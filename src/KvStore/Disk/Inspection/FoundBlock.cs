namespace KvCluster.KvStore.Disk.Inspection;

/// <summary>A block in a data folder.</summary>
/// <param name="FileName">Of the segment.</param>
/// <param name="Offset">Of the record in it, bytes.</param>
/// <param name="LengthBytes">Of the record.</param>
/// <param name="Problem">Why it can't be read, in a sentence; null: nothing.</param>
/// <param name="Slabs">Header and payload of each layer; empty with a problem.</param>
public sealed record FoundBlock(string FileName, long Offset, int LengthBytes, string? Problem, IReadOnlyList<ReadOnlyMemory<byte>> Slabs);
