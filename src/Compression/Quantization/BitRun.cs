namespace KvCluster.Compression.Quantization;

/// <summary>Neighbouring channels of a head whose codes have the same width.</summary>
/// <param name="Start">The first channel.</param>
/// <param name="Width">How many; a multiple of 16.</param>
/// <param name="BitCount">Of a code.</param>
/// <param name="Offset">Where their codes begin in the payload.</param>
/// <param name="Packed">Multiplies by them.</param>
internal sealed record BitRun(int Start, int Width, int BitCount, int Offset, PackedMultiply Packed)
{
    /// <summary>The value of code 0: codes are mid-rise, symmetric around 0.</summary>
    public float Zero => 0.5f - (1 << (BitCount - 1));

    /// <summary>Those of its channels that are from <paramref name="start"/> up to <paramref name="end"/>; perhaps none.</summary>
    public (int First, int Count) Within(int start, int end)
    {
        int first = Math.Max(Start, start);
        return (first, Math.Max(0, Math.Min(Start + Width, end) - first));
    }
}
