using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Redis;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Redis does not answer: blocks in it count as not held, and none are written. It is tried again every {Interval}")]
    public static partial void GivenUp(ILogger logger, TimeSpan interval);

    [LoggerMessage(2, LogLevel.Information, "Redis answers again")]
    public static partial void CameBack(ILogger logger);

    [LoggerMessage(3, LogLevel.Warning, "Redis could not be reached: {Problem}")]
    public static partial void NotConnected(ILogger logger, string problem);

    [LoggerMessage(4, LogLevel.Warning, "Redis refused a command: {Problem}")]
    public static partial void Refused(ILogger logger, string problem);

    [LoggerMessage(5, LogLevel.Error, "Block {BlockId} in Redis is damaged and was dropped")]
    public static partial void ValueCorrupt(ILogger logger, BlockId blockId);

    [LoggerMessage(7, LogLevel.Warning, "Block {BlockId} in Redis is sealed with key {KeyFingerprint:x16}, which is not among KvStore:EncryptionKeys: it, and others of that key, count as not held")]
    public static partial void KeyUnknown(ILogger logger, BlockId blockId, ulong keyFingerprint);

    [LoggerMessage(8, LogLevel.Warning, "Block {BlockId} in Redis is not sealed, and KvStore:EncryptionKeys is set: it, and others like it, count as not held")]
    public static partial void NotSealed(ILogger logger, BlockId blockId);

    [LoggerMessage(9, LogLevel.Error, "Block {BlockId} could not be made a value for Redis")]
    public static partial void WriteBroke(ILogger logger, BlockId blockId, Exception error);

    [LoggerMessage(6, LogLevel.Error, "Block {BlockId} went bad in memory before it was written to Redis, and was not")]
    public static partial void BlockCorruptInMemory(ILogger logger, BlockId blockId);
}
