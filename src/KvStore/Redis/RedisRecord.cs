using KvCluster.KvStore.Disk.Files;

namespace KvCluster.KvStore.Redis;

/// <summary>A value of Redis as the source of its one record.</summary>
internal sealed class RedisRecord(byte[] value) : IRecordSource
{
    public long Read(IReadOnlyList<Memory<byte>> parts, long offset)
    {
        int at = (int)Math.Min(offset, value.Length);
        int start = at;
        foreach (Memory<byte> part in parts)
        {
            int count = Math.Min(part.Length, value.Length - at);
            value.AsSpan(at, count).CopyTo(part.Span);
            at += count;
        }

        return at - start;
    }
}
