using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace KvCluster.Inference.Models;

/// <summary>Little-endian 16-bit and 32-bit floats to float. Every value is exact.</summary>
public static class ElementConversion
{
    /// <summary>
    /// Converts the elements in <paramref name="source"/>, which need not be aligned; <paramref name="destination"/> has exactly
    /// as many.
    /// </summary>
    public static void ToSingle(ReadOnlySpan<byte> source, TensorType type, Span<float> destination)
    {
        var elementByteCount = type == TensorType.F32 ? sizeof(float) : sizeof(ushort);
        if (source.Length != (long)destination.Length * elementByteCount)
        {
            throw new ArgumentException($"{source.Length} bytes are not {destination.Length} elements of {type}.", nameof(source));
        }

        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
                break;
            case TensorType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), destination);
                break;
            case TensorType.BF16:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<float, uint>(destination));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a tensor type.");
        }
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<uint> destination)
    {
        TensorPrimitives.ConvertTruncating(source, destination);
        TensorPrimitives.ShiftLeft(destination, 16, destination);
    }
}
