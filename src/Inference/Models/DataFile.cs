using System.Buffers.Binary;
using System.IO.Compression;

namespace KvCluster.Inference.Models;

/// <summary>Reads files that may be packed with gzip, which their first bytes tell and not their names.</summary>
public static class DataFile
{
    /// <summary>Ending of the names of packed files.</summary>
    public const string PackedExtension = ".gz";

    /// <summary>The path itself, or with <see cref="PackedExtension"/> where only that file exists.</summary>
    public static string Locate(string path) => !File.Exists(path) && File.Exists(path + PackedExtension) ? path + PackedExtension : path;

    /// <summary>Lines of text.</summary>
    /// <exception cref="InvalidDataException">The packed bytes are damaged or cut short.</exception>
    public static IEnumerable<string> ReadLines(string path)
    {
        using var reader = new StreamReader(OpenRead(path));
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>The bytes as they were before they were packed.</summary>
    /// <exception cref="InvalidDataException">The packed bytes are damaged or cut short.</exception>
    public static Stream OpenRead(string path) => TryUnpack(path) ?? (Stream)File.OpenRead(path);

    /// <summary>A file that <see cref="OpenRead"/> reads; packed when its <paramref name="name"/> says so.</summary>
    public static Stream Create(string path, string name) => name.EndsWith(PackedExtension, StringComparison.Ordinal)
        ? new GZipStream(File.Create(path), new ZLibCompressionOptions { CompressionLevel = 9, CompressionStrategy = ZLibCompressionStrategy.Filtered })
        : File.Create(path);

    /// <summary>All bytes, from the start; null when the file is not packed.</summary>
    /// <exception cref="InvalidDataException">The packed bytes are damaged or cut short, or are several packed files in a row.</exception>
    internal static MemoryStream? TryUnpack(string path)
    {
        using FileStream file = File.OpenRead(path);
        if (!IsPacked(file))
        {
            return null;
        }

        var unpacked = new MemoryStream();
        using var packed = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        packed.CopyTo(unpacked);

        // GZipStream takes the end of a file that was cut short for the end of its data; the last four bytes say how much there was.
        Span<byte> length = stackalloc byte[sizeof(uint)];
        file.Position = Math.Max(0, file.Length - length.Length);
        if (file.ReadAtLeast(length, length.Length, throwOnEndOfStream: false) < length.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(length) != (uint)unpacked.Length)
        {
            throw new InvalidDataException("The file was cut short.");
        }

        unpacked.Position = 0;
        return unpacked;
    }

    private static bool IsPacked(FileStream file)
    {
        Span<byte> start = stackalloc byte[2];
        bool isPacked = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual((ReadOnlySpan<byte>)[0x1F, 0x8B]);
        file.Position = 0;
        return isPacked;
    }
}
