using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvCluster.Inference.Models;

/// <summary>A safetensors file, memory-mapped or unpacked from gzip, whose header has been checked against the file.</summary>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile? _mapping;
    private readonly MemoryMappedViewAccessor? _accessor;
    private readonly byte[]? _unpacked;
    private readonly Dictionary<string, TensorEntry> _entries;
    private byte* _base;

    private SafetensorsFile(string path, MemoryMappedFile? mapping, MemoryMappedViewAccessor? accessor, byte* start, long byteCount)
    {
        Path = path;
        ByteCount = byteCount;
        _mapping = mapping;
        _accessor = accessor;
        _base = start;
        _entries = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
    }

    /// <param name="path">Of the file.</param>
    /// <param name="unpacked">Pinned.</param>
    private SafetensorsFile(string path, byte[] unpacked)
        : this(path, null, null, (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(unpacked)), unpacked.Length) =>
        _unpacked = unpacked;

    public string Path { get; }

    /// <summary>Length of the whole file, unpacked.</summary>
    public long ByteCount { get; }

    /// <summary>Names in the order of their data.</summary>
    public ImmutableArray<string> TensorNames { get; private set; } = [];

    /// <summary>Length prefix and JSON header together.</summary>
    internal int HeaderByteCount { get; private set; }

    internal byte* Base => _base != null ? _base : throw new ObjectDisposedException(Path);

    /// <exception cref="ModelLoadException">The file is missing, truncated or not safetensors.</exception>
    public static SafetensorsFile Open(string path)
    {
        MemoryMappedFile? mapping = null;
        MemoryMappedViewAccessor? accessor = null;
        try
        {
            if (ReadPacked(path) is { } unpacked)
            {
                var packed = new SafetensorsFile(path, unpacked);
                packed.ReadHeader();
                return packed;
            }

            var byteCount = new FileInfo(path).Length;
            if (byteCount == 0)
            {
                throw new ModelLoadException($"{path}: the file is empty; download it again.");
            }

            mapping = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
            accessor = mapping.CreateViewAccessor(0, byteCount, MemoryMappedFileAccess.Read);
            byte* start = null;
            accessor.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            var file = new SafetensorsFile(path, mapping, accessor, start + accessor.PointerOffset, byteCount);
            file.ReadHeader();
            return file;
        }
        catch (Exception e)
        {
            accessor?.Dispose();
            mapping?.Dispose();
            if (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw new ModelLoadException($"{path}: the file is missing; download it again.", e);
            }

            if (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                throw new ModelLoadException($"{path}: cannot be read ({JsonFile.FirstLine(e.Message)}).", e);
            }

            throw;
        }
    }

    /// <exception cref="ModelLoadException">There is no such tensor, or its type is not BF16, F16 or F32.</exception>
    public TensorView GetTensor(string name) => TryGetTensor(name, out var tensor)
        ? tensor
        : throw new ModelLoadException($"{Path}: tensor '{name}' is missing; the model does not fit its config.json.");

    /// <inheritdoc cref="GetTensor"/>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out TensorView? tensor)
    {
        tensor = null;
        if (!_entries.TryGetValue(name, out var entry))
        {
            return false;
        }

        var type = entry.Type ?? throw new ModelLoadException(
            $"{Path}: tensor '{name}' has type {entry.TypeName}; supported are BF16, F16 and F32.");
        tensor = new TensorView(this, entry, type);
        return true;
    }

    /// <summary>The bytes of a tensor of any type, with its shape; false when there is none of that name and type.</summary>
    internal bool TryGetBytes(string name, string typeName, out ReadOnlySpan<byte> bytes, out ImmutableArray<long> shape)
    {
        bool found = _entries.TryGetValue(name, out TensorEntry? entry) && entry.TypeName == typeName;
        bytes = found ? new ReadOnlySpan<byte>(Base + entry!.Offset, checked((int)entry.ByteCount)) : default;
        shape = found ? entry!.Shape : [];
        return found;
    }

    public void Dispose()
    {
        if (_base != null)
        {
            _base = null;
            _accessor?.SafeMemoryMappedViewHandle.ReleasePointer();
            _accessor?.Dispose();
            _mapping?.Dispose();
            GC.KeepAlive(_unpacked);
        }
    }

    /// <summary>Pinned; null when the file is not packed.</summary>
    private static byte[]? ReadPacked(string path)
    {
        using MemoryStream? bytes = DataFile.TryUnpack(path);
        if (bytes is null)
        {
            return null;
        }

        byte[] pinned = GC.AllocateUninitializedArray<byte>((int)bytes.Length, pinned: true);
        bytes.ReadExactly(pinned);
        return pinned;
    }

    private void ReadHeader()
    {
        try
        {
            var prefix = new ReadOnlySpan<byte>(_base, (int)Math.Min(ByteCount, 8));
            HeaderByteCount = (int)SafetensorsHeader.ReadByteCount(prefix, ByteCount, Path);
            var header = new ReadOnlySpan<byte>(_base, HeaderByteCount).ToArray();
            var entries = SafetensorsHeader.Parse(header, ByteCount, Path);
            foreach (var entry in entries)
            {
                _entries.Add(entry.Name, entry);
            }

            TensorNames = [.. entries.Select(entry => entry.Name)];
        }
        catch
        {
            Dispose();
            throw;
        }
    }
}
