namespace KvCluster.KvStore.Disk.Files;

/// <summary>Bytes that hold records.</summary>
internal interface IRecordSource
{
    /// <summary>Fills the parts one after the other.</summary>
    /// <returns>Bytes read: fewer than asked for only at the end.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public long Read(IReadOnlyList<Memory<byte>> parts, long offset);
}
