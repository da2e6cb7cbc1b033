using KvCluster.KvStore.Disk.Files;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A data folder whose files are arrays, so that a crash, a torn write and a damaged bit are cheap to make, ten thousand times.</summary>
internal sealed class MemoryFolder : IDataFolder
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, MemoryFile> _files = new(StringComparer.Ordinal);

    public string Path => "/memory";

    /// <summary>The files as they are now: what a crash at this moment leaves.</summary>
    public MemoryFolder Copy()
    {
        var copy = new MemoryFolder();
        lock (_lock)
        {
            foreach ((string name, MemoryFile file) in _files)
            {
                copy._files.Add(name, new MemoryFile(file.ToArray()));
            }
        }

        return copy;
    }

    public byte[] Bytes(string name) => _files[name].ToArray();

    public void SetBytes(string name, byte[] bytes) => _files[name] = new MemoryFile(bytes);

    public IReadOnlyList<string> FileNames()
    {
        lock (_lock)
        {
            return [.. _files.Keys];
        }
    }

    public IDiskFile Create(string name)
    {
        lock (_lock)
        {
            if (_files.ContainsKey(name))
            {
                throw new IOException($"{name} exists");
            }

            return _files[name] = new MemoryFile([]);
        }
    }

    public IDiskFile Open(string name)
    {
        lock (_lock)
        {
            return _files.TryGetValue(name, out MemoryFile? file) ? file : throw new IOException($"{name} does not exist");
        }
    }

    public void Delete(string name)
    {
        lock (_lock)
        {
            _files.Remove(name);
        }
    }

    public void Dispose()
    {
    }

    private sealed class MemoryFile(byte[] bytes) : IDiskFile
    {
        private readonly Lock _lock = new();
        private byte[] _bytes = bytes;
        private int _length = bytes.Length;

        public long SizeBytes => _length;

        public byte[] ToArray()
        {
            lock (_lock)
            {
                return _bytes[.._length];
            }
        }

        public long Read(IReadOnlyList<Memory<byte>> parts, long offset)
        {
            lock (_lock)
            {
                int at = (int)Math.Min(offset, _length);
                int start = at;
                foreach (Memory<byte> part in parts)
                {
                    int length = Math.Min(part.Length, _length - at);
                    _bytes.AsSpan(at, length).CopyTo(part.Span);
                    at += length;
                }

                return at - start;
            }
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> parts, long offset)
        {
            lock (_lock)
            {
                int end = (int)offset + parts.Sum(part => part.Length);
                if (end > _bytes.Length)
                {
                    Array.Resize(ref _bytes, Math.Max(end, 2 * _bytes.Length));
                }

                int at = (int)offset;
                foreach (ReadOnlyMemory<byte> part in parts)
                {
                    part.Span.CopyTo(_bytes.AsSpan(at));
                    at += part.Length;
                }

                _length = Math.Max(_length, end);
            }
        }

        public void Flush()
        {
        }

        public void Truncate(long sizeBytes)
        {
            lock (_lock)
            {
                _length = (int)sizeBytes;
            }
        }

        public void Dispose()
        {
        }
    }
}
