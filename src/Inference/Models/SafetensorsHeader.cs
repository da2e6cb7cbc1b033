using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>
/// Parses and checks a safetensors header: 8 bytes little-endian length, JSON, then data without holes or overlaps
/// (format of github.com/huggingface/safetensors).
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>Limit of the reference reader.</summary>
    public const long MaxHeaderByteCount = 100_000_000;

    private const int PrefixByteCount = 8;

    /// <summary>Length of prefix and JSON together, checked against the file.</summary>
    public static long ReadByteCount(ReadOnlySpan<byte> prefix, long fileByteCount, string path)
    {
        if (prefix.Length < PrefixByteCount || fileByteCount < PrefixByteCount)
        {
            throw Broken(path, $"the file has {fileByteCount} bytes, too short for a safetensors header");
        }

        var jsonByteCount = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (jsonByteCount > MaxHeaderByteCount)
        {
            throw Broken(path, $"the header claims {jsonByteCount} bytes, more than the limit of {MaxHeaderByteCount}");
        }

        return (long)jsonByteCount <= fileByteCount - PrefixByteCount
            ? PrefixByteCount + (long)jsonByteCount
            : throw Broken(path, $"the header claims {jsonByteCount} bytes but the file has {fileByteCount}; it is truncated");
    }

    /// <summary>The entries in the order of their data; <paramref name="header"/> is prefix and JSON.</summary>
    public static ImmutableArray<TensorEntry> Parse(ReadOnlyMemory<byte> header, long fileByteCount, string path)
    {
        using var document = JsonFile.Parse(header[PrefixByteCount..], path);
        var entries = ImmutableArray.CreateBuilder<TensorEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            var name = ReadName(property, path);
            if (!names.Add(name))
            {
                throw Broken(path, $"tensor '{name}' appears twice in the header");
            }

            if (name != "__metadata__")
            {
                entries.Add(ReadEntry(name, property.Value, header.Length, fileByteCount, path));
            }
        }

        entries.Sort(static (a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.ByteCount.CompareTo(b.ByteCount));
        CheckCoverage(entries, header.Length, fileByteCount, path);
        return entries.ToImmutable();
    }

    private static TensorEntry ReadEntry(string name, JsonElement value, long dataStart, long fileByteCount, string path)
    {
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var shapeJson) || shapeJson.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out var offsets) || offsets.ValueKind != JsonValueKind.Array
            || offsets.GetArrayLength() != 2)
        {
            throw Broken(path, $"tensor '{name}' lacks dtype, shape or data_offsets in the header");
        }

        var typeName = SafeString(type, path);
        var shape = ImmutableArray.CreateBuilder<long>(shapeJson.GetArrayLength());
        foreach (var dimension in shapeJson.EnumerateArray())
        {
            shape.Add(ReadCount(dimension, name, "shape", path));
        }

        var begin = ReadCount(offsets[0], name, "data_offsets", path);
        var end = ReadCount(offsets[1], name, "data_offsets", path);
        if (begin > end || end > fileByteCount - dataStart)
        {
            throw Broken(
                path, $"tensor '{name}' claims bytes {begin} to {end} but the file holds {fileByteCount - dataStart} bytes of data; it is truncated or corrupt");
        }

        CheckByteCount(name, typeName, shape, end - begin, path);
        return new TensorEntry(name, typeName, ParseType(typeName), shape.ToImmutable(), dataStart + begin, end - begin);
    }

    private static void CheckByteCount(string name, string typeName, ImmutableArray<long>.Builder shape, long byteCount, string path)
    {
        // Sub-byte types (F4, F6) are the only ones not listed; they are checked for position only.
        if (ElementByteCount(typeName) is not { } elementByteCount)
        {
            return;
        }

        Int128 expected = elementByteCount;
        foreach (var dimension in shape)
        {
            expected *= dimension;
            if (expected > long.MaxValue)
            {
                break;
            }
        }

        if (expected != byteCount && !shape.Contains(0) || shape.Contains(0) && byteCount != 0)
        {
            throw Broken(path, $"tensor '{name}' of {typeName} [{string.Join(", ", shape)}] does not fill its {byteCount} bytes");
        }
    }

    private static void CheckCoverage(IReadOnlyList<TensorEntry> entries, long dataStart, long fileByteCount, string path)
    {
        var position = dataStart;
        foreach (var entry in entries)
        {
            if (entry.Offset != position)
            {
                throw Broken(path, $"tensor '{entry.Name}' {(entry.Offset < position ? "overlaps the one before it" : "follows a gap in the data")}");
            }

            position += entry.ByteCount;
        }

        if (position != fileByteCount)
        {
            throw Broken(path, $"{fileByteCount - position} bytes after the last tensor belong to none");
        }
    }

    private static long ReadCount(JsonElement value, string name, string field, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0
            ? number
            : throw Broken(path, $"tensor '{name}' has a {field} that is not made of counts");

    private static string ReadName(JsonProperty property, string path)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw Broken(path, "a tensor name is not valid text");
        }
    }

    private static string SafeString(JsonElement value, string path)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Broken(path, "a dtype is not valid text");
        }
    }

    private static TensorType? ParseType(string name) => name switch
    {
        "BF16" => TensorType.BF16,
        "F16" => TensorType.F16,
        "F32" => TensorType.F32,
        _ => null,
    };

    private static int? ElementByteCount(string name) => name switch
    {
        "F64" or "I64" or "U64" or "C64" => 8,
        "F32" or "I32" or "U32" => 4,
        "BF16" or "F16" or "I16" or "U16" => 2,
        "BOOL" or "I8" or "U8" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 1,
        _ => null,
    };

    private static ModelLoadException Broken(string path, string problem) => new($"{path}: {problem}; download the file again.");
}
