namespace KvCluster.KvStore.Disk.Files;

/// <summary>A folder of the file system, held by one store at a time.</summary>
internal sealed class DataFolder : IDataFolder
{
    private const string LockName = "lock";

    private readonly FileStream _lock;

    private DataFolder(string path, FileStream @lock)
    {
        Path = path;
        _lock = @lock;
    }

    public string Path { get; }

    /// <summary>Makes the folder where it is missing, and locks it until disposal or the end of the process, however it ends.</summary>
    /// <exception cref="DataFolderException">It can't be made, written to, or is held by another store.</exception>
    public static DataFolder Acquire(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(full);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DataFolderException($"the data folder {full} can't be made: {error.Message} Choose another folder, or make it and let this user write to it.", error);
        }

        string lockPath = System.IO.Path.Combine(full, LockName);
        try
        {
            return new DataFolder(full, new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException error)
        {
            throw new DataFolderException($"the data folder {full} can't be written to: {error.Message} Let this user write to it, or choose another folder.", error);
        }
        catch (IOException error)
        {
            throw new DataFolderException(
                $"{lockPath} can't be locked: {error.Message} Another KvStore uses the folder, or it can't be written to; stop that one, or choose another folder.", error);
        }
    }

    public IReadOnlyList<string> FileNames() =>
        [.. Directory.EnumerateFiles(Path).Select(path => System.IO.Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public IDiskFile Create(string name) => new DiskFile(System.IO.Path.Combine(Path, name), FileMode.CreateNew);

    public IDiskFile Open(string name) => new DiskFile(System.IO.Path.Combine(Path, name), FileMode.Open);

    public void Delete(string name) => File.Delete(System.IO.Path.Combine(Path, name));

    public void Dispose() => _lock.Dispose();
}
