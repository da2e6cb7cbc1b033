using System.Collections.Immutable;

namespace KvCluster.Inference.Models;

/// <summary>
/// A tensor in a memory-mapped file: row-major, little-endian, not copied. Valid until its file or folder is disposed;
/// spans and pointers taken from it must not outlive that.
/// </summary>
public sealed unsafe class TensorView
{
    private readonly SafetensorsFile _file;
    private readonly long _offset;

    internal TensorView(SafetensorsFile file, TensorEntry entry, TensorType type)
    {
        _file = file;
        _offset = entry.Offset;
        Name = entry.Name;
        Type = type;
        Shape = entry.Shape;
        ByteCount = entry.ByteCount;
    }

    public string Name { get; }

    public TensorType Type { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar.</summary>
    public ImmutableArray<long> Shape { get; }

    public long ByteCount { get; }

    public int ElementByteCount => Type == TensorType.F32 ? sizeof(float) : sizeof(ushort);

    public long ElementCount => ByteCount / ElementByteCount;

    /// <summary>Start of the data; not aligned beyond what the file happens to give.</summary>
    public byte* Start => _file.Base + _offset;

    /// <summary>All bytes. For tensors of 2 GiB or more use <see cref="GetRow"/> or <see cref="Start"/>.</summary>
    /// <exception cref="OverflowException">The tensor does not fit a span.</exception>
    public ReadOnlySpan<byte> Bytes => new(Start, checked((int)ByteCount));

    /// <summary>Bytes of one index of the outermost dimension.</summary>
    public ReadOnlySpan<byte> GetRow(long index)
    {
        if (Shape.IsEmpty || (ulong)index >= (ulong)Shape[0])
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"Tensor '{Name}' has no such row.");
        }

        var rowByteCount = ByteCount / Shape[0];
        return new ReadOnlySpan<byte>(Start + (index * rowByteCount), checked((int)rowByteCount));
    }

    /// <summary>Converts all elements to float; <paramref name="destination"/> holds <see cref="ElementCount"/>.</summary>
    public void ReadAsSingle(Span<float> destination)
    {
        if (destination.Length != ElementCount)
        {
            throw new ArgumentException($"Tensor '{Name}' has {ElementCount} elements, the destination {destination.Length}.", nameof(destination));
        }

        ElementConversion.ToSingle(Bytes, Type, destination);
    }

    /// <summary>Converts row <paramref name="index"/> of the outermost dimension to float.</summary>
    public void ReadRowAsSingle(long index, Span<float> destination) => ElementConversion.ToSingle(GetRow(index), Type, destination);

    /// <exception cref="ModelLoadException">The shape is another one.</exception>
    public TensorView Expect(params ReadOnlySpan<long> shape) => Shape.AsSpan().SequenceEqual(shape)
        ? this
        : throw new ModelLoadException(
            $"{_file.Path}: tensor '{Name}' has shape [{string.Join(", ", Shape)}] but config.json asks for [{string.Join(", ", shape.ToArray())}].");
}
