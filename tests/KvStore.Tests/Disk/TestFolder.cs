namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A folder of the file system, deleted at the end.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("kvstore-").FullName;

    public string Segment(int index) => Directory.GetFiles(Path, "blocks-*.kvs").Order(StringComparer.Ordinal).ElementAt(index);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
