namespace KvCluster.KvStore.Disk.Inspection;

/// <summary>What one segment file of a data folder holds.</summary>
/// <param name="FileName">In the folder.</param>
/// <param name="SizeBytes">Of the file.</param>
/// <param name="IsSealed">Whether a whole footer lists its blocks; otherwise it was read from end to end.</param>
/// <param name="BlockCount">Blocks; of those, when verified, only sound ones.</param>
/// <param name="BlockBytes">Their records.</param>
/// <param name="DroppedCount">Blocks that were dropped and still take room.</param>
/// <param name="Problems">What is damaged, one sentence each, with its place. Empty: nothing.</param>
public sealed record SegmentReport(
    string FileName, long SizeBytes, bool IsSealed, int BlockCount, long BlockBytes, int DroppedCount, IReadOnlyList<string> Problems);
