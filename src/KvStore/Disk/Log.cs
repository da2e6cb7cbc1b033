using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Isolation;

namespace KvCluster.KvStore.Disk;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Data folder {Path}: {BlockCount} blocks in {SegmentCount} segments, {ByteCount} of {BudgetBytes} bytes, opened in {Elapsed}")]
    public static partial void FolderOpened(ILogger logger, string path, int blockCount, int segmentCount, long byteCount, long budgetBytes, TimeSpan elapsed);

    [LoggerMessage(2, LogLevel.Warning, "{FileName} had no whole footer and was scanned: {BlockCount} blocks are sound, {DamagedCount} were damaged, {CutBytes} bytes were cut off its end")]
    public static partial void SegmentScanned(ILogger logger, string fileName, int blockCount, int damagedCount, long cutBytes);

    [LoggerMessage(3, LogLevel.Error, "Block {BlockId} in {FileName} at byte {Offset} is damaged and was dropped")]
    public static partial void RecordCorrupt(ILogger logger, BlockId blockId, string fileName, long offset);

    [LoggerMessage(4, LogLevel.Error, "Blocks can't be written to {Path}: {Problem} The next {Pause} they are kept in memory only")]
    public static partial void WriteFailed(ILogger logger, string path, string problem, TimeSpan pause);

    [LoggerMessage(5, LogLevel.Error, "Block {BlockId} can't be read from {FileName}: {Problem}")]
    public static partial void ReadFailed(ILogger logger, BlockId blockId, string fileName, string problem);

    [LoggerMessage(6, LogLevel.Warning, "{FileName} could not be ended with its index and will be scanned at the next start: {Problem}")]
    public static partial void SegmentNotSealed(ILogger logger, string fileName, string problem);

    [LoggerMessage(7, LogLevel.Warning, "{FileName} could not be cut after a write that failed, and is not written to any more: {Problem}")]
    public static partial void SegmentNotCut(ILogger logger, string fileName, string problem);

    [LoggerMessage(8, LogLevel.Warning, "{FileName} is not needed and could not be deleted: {Problem}")]
    public static partial void SegmentNotDeleted(ILogger logger, string fileName, string problem);

    [LoggerMessage(10, LogLevel.Warning, "Block {BlockId} in {FileName} is sealed with key {KeyFingerprint:x16}, which is not among KvStore:EncryptionKeys: it, and others of that key, count as not held")]
    public static partial void KeyUnknown(ILogger logger, BlockId blockId, string fileName, ulong keyFingerprint);

    /// <summary>Counts a record that gave no block, and logs it; a key that is not known, once.</summary>
    public static void RecordNotRead(ILogger logger, ColdCounters counters, RecordCipher cipher, in RecordRead read, DiskRecord record)
    {
        if (read.Fault == RecordFault.Damaged)
        {
            counters.Corrupt(1);
            RecordCorrupt(logger, record.Entry.BlockId, record.Segment.FileName, record.Entry.Offset);
            return;
        }

        counters.UnreadableBlock();
        if (cipher.IsFirstMiss(read.KeyFingerprint))
        {
            KeyUnknown(logger, record.Entry.BlockId, record.Segment.FileName, read.KeyFingerprint);
        }
    }

    [LoggerMessage(9, LogLevel.Error, "Block {BlockId} went bad in memory before it was written to disk, and was not")]
    public static partial void BlockCorruptInMemory(ILogger logger, BlockId blockId);

    [LoggerMessage(11, LogLevel.Critical, "Writing to {Path} has stopped for good; blocks there are still read. Restart the store")]
    public static partial void WriterStopped(ILogger logger, string path, Exception error);
}
