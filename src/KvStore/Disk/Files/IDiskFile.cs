namespace KvCluster.KvStore.Disk.Files;

/// <summary>An open file of the data folder. Reads may run beside everything; changes come from one thread at a time.</summary>
internal interface IDiskFile : IRecordSource, IDisposable
{
    public long SizeBytes { get; }

    /// <summary>Writes the parts one after the other.</summary>
    /// <exception cref="IOException">The disk is full or failed; any part may have been written.</exception>
    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> parts, long offset);

    /// <summary>Returns when everything written is on the device.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush();

    /// <exception cref="IOException">The device failed.</exception>
    public void Truncate(long sizeBytes);
}
