namespace KvCluster.KvStore.Disk.Files;

/// <summary>The folder that a disk tier keeps its segments in. Names are plain file names.</summary>
internal interface IDataFolder : IDisposable
{
    /// <summary>For messages.</summary>
    public string Path { get; }

    public IReadOnlyList<string> FileNames();

    /// <exception cref="IOException">It exists, or can't be made.</exception>
    public IDiskFile Create(string name);

    /// <exception cref="IOException">It does not exist or can't be read.</exception>
    public IDiskFile Open(string name);

    /// <summary>Open readers keep what they have.</summary>
    /// <exception cref="IOException">It can't be deleted.</exception>
    public void Delete(string name);
}
