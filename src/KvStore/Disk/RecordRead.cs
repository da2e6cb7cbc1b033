using KvCluster.KvStore.Cold;

namespace KvCluster.KvStore.Disk;

/// <param name="Block">The verified block, the receiver's to dispose; null for a fault.</param>
/// <param name="Fault">Why there is none.</param>
/// <param name="KeyFingerprint">The key that is not known.</param>
internal readonly record struct RecordRead(ColdBlock? Block, RecordFault Fault = RecordFault.None, ulong KeyFingerprint = 0)
{
    public static RecordRead Damaged => new(null, RecordFault.Damaged);
}
