namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>
/// How a sealed payload lies in the device's pool: its bytes as the slab has them, but V moved up to the next multiple of 128, so that kernels copy whole
/// cache lines. What stands behind V (the set of salient tokens) is not needed there.
/// </summary>
/// <param name="KeyBytes">Of K's part, which begins the payload.</param>
/// <param name="ValueOffset">Of V's part in the pool; in a payload it begins at <see cref="KeyBytes"/>.</param>
/// <param name="ValueBytes">Of V's part.</param>
internal sealed record PooledPayload(int KeyBytes, int ValueOffset, int ValueBytes)
{
    private const int LineBytes = 128;
    private const int ParameterBytes = 256;
    private const int TensorAlignment = 16;

    /// <summary>From payload to payload in the pool.</summary>
    public int StrideBytes => WholeLines(ValueOffset + ValueBytes);

    /// <summary>Bytes of as many whole cache lines.</summary>
    public static int WholeLines(int sizeBytes) => Align(sizeBytes, LineBytes);

    public static PooledPayload Of(AttentionFormat format, int kvHeadCount)
    {
        if (format.IsRaw)
        {
            return new PooledPayload(0, 0, kvHeadCount * (format.HeadKeyBytes + format.HeadValueBytes));
        }

        int channels = kvHeadCount * format.HeadSize;
        int keys = TensorBytes(format.HeadKeyBytes);
        return new PooledPayload(keys, WholeLines(keys), TensorBytes(format.HeadValueBytes));

        int TensorBytes(int headBytes) => Align(ParameterBytes + (kvHeadCount * headBytes) + (channels / 2) + kvHeadCount, TensorAlignment);
    }

    /// <summary>Writes a payload as the pool has it; bytes in between stay as they are.</summary>
    public void Place(ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        payload[..KeyBytes].CopyTo(destination);
        payload.Slice(KeyBytes, ValueBytes).CopyTo(destination[ValueOffset..]);
    }

    private static int Align(int size, int alignment) => (size + alignment - 1) & -alignment;
}
