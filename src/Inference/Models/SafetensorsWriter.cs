using System.Buffers.Binary;
using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>Writes safetensors files: 8 bytes little-endian length, JSON header padded to 8 bytes, data in the order of addition.</summary>
internal sealed class SafetensorsWriter
{
    private readonly List<(string Name, string Type, long[] Shape, byte[] Data)> _tensors = [];
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    public void AddMetadata(string name, string value) => _metadata.Add(name, value);

    /// <param name="name">Not used before.</param>
    /// <param name="type">As in headers, e.g. <c>F16</c>.</param>
    /// <param name="data">Little-endian.</param>
    /// <param name="shape">Outermost dimension first.</param>
    public void Add(string name, string type, ReadOnlySpan<byte> data, params long[] shape) => _tensors.Add((name, type, shape, data.ToArray()));

    /// <summary>Writes to a new file beside it, then replaces the file at once. Packed when the path ends in <see cref="DataFile.PackedExtension"/>.</summary>
    public void Save(string path)
    {
        byte[] header = Header();
        string unfinished = path + ".unfinished";
        using (Stream file = DataFile.Create(unfinished, path))
        {
            Span<byte> length = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            file.Write(length);
            file.Write(header);
            foreach (var tensor in _tensors)
            {
                file.Write(tensor.Data);
            }
        }

        File.Move(unfinished, path, overwrite: true);
    }

    private byte[] Header()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach ((string name, string value) in _metadata)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
            WriteTensors(json);
            json.WriteEndObject();
        }

        while (buffer.Length % sizeof(long) != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        return buffer.ToArray();
    }

    private void WriteTensors(Utf8JsonWriter json)
    {
        long offset = 0;
        foreach ((string name, string type, long[] shape, byte[] data) in _tensors)
        {
            json.WriteStartObject(name);
            json.WriteString("dtype", type);
            json.WriteStartArray("shape");
            Array.ForEach(shape, json.WriteNumberValue);
            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(offset += data.Length);
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }
}
