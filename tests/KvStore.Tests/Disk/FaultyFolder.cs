using KvCluster.KvStore.Disk.Files;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A data folder on a disk that fills up, fails, or stops for a while.</summary>
internal sealed class FaultyFolder(IDataFolder folder) : IDataFolder
{
    private readonly ManualResetEventSlim _writesMayRun = new(true);
    private readonly ManualResetEventSlim _readsMayRun = new(true);

    /// <summary>A file can't grow beyond this; a write that would is cut off there, as a full disk does.</summary>
    public long MaxFileBytes { get; set; } = long.MaxValue;

    public bool FailsReads { get; set; }

    /// <summary>Thrown by the next read, once.</summary>
    public Exception? NextReadError { get; set; }

    /// <summary>Thrown by every write.</summary>
    public Exception? WriteError { get; set; }

    /// <summary>For tests of anything but durability, on a machine whose disk is busy.</summary>
    public bool SkipsFlush { get; set; }

    public string Path => folder.Path;

    public void StopWrites() => _writesMayRun.Reset();

    public void ResumeWrites() => _writesMayRun.Set();

    public void StopReads() => _readsMayRun.Reset();

    public void ResumeReads() => _readsMayRun.Set();

    public IReadOnlyList<string> FileNames() => folder.FileNames();

    public IDiskFile Create(string name) =>
        MaxFileBytes > 0 ? new FaultyFile(this, folder.Create(name)) : throw new IOException("No space left on device");

    public IDiskFile Open(string name) => new FaultyFile(this, folder.Open(name));

    public void Delete(string name) => folder.Delete(name);

    public void Dispose()
    {
        ResumeWrites();
        ResumeReads();
        folder.Dispose();
    }

    private sealed class FaultyFile(FaultyFolder owner, IDiskFile file) : IDiskFile
    {
        public long SizeBytes => file.SizeBytes;

        public long Read(IReadOnlyList<Memory<byte>> parts, long offset)
        {
            Assert.True(owner._readsMayRun.Wait(TimeSpan.FromSeconds(60)));
            if (owner.NextReadError is { } error)
            {
                owner.NextReadError = null;
                throw error;
            }

            return owner.FailsReads ? throw new IOException("Input/output error") : file.Read(parts, offset);
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> parts, long offset)
        {
            Assert.True(owner._writesMayRun.Wait(TimeSpan.FromSeconds(60)));
            if (owner.WriteError is { } error)
            {
                throw error;
            }

            byte[] bytes = [.. parts.SelectMany(part => part.ToArray())];
            int room = (int)Math.Clamp(owner.MaxFileBytes - offset, 0, bytes.Length);
            file.Write([bytes.AsMemory(0, room)], offset);
            if (room < bytes.Length)
            {
                throw new IOException("No space left on device");
            }
        }

        public void Flush()
        {
            if (!owner.SkipsFlush)
            {
                file.Flush();
            }
        }

        public void Truncate(long sizeBytes) => file.Truncate(sizeBytes);

        public void Dispose() => file.Dispose();
    }
}
