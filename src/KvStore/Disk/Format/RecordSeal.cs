namespace KvCluster.KvStore.Disk.Format;

/// <summary>What the header of a sealed record says of its seal.</summary>
/// <param name="KeyFingerprint">Names the key.</param>
/// <param name="RecordNumber">Part of the nonces.</param>
/// <param name="SealedChecksum">CRC-32C of the sealed slabs.</param>
internal readonly record struct RecordSeal(ulong KeyFingerprint, ulong RecordNumber, uint SealedChecksum);
