using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// The scales of a head's channels in 4 bits each: quarter octaves below the head's greatest, which is a <see cref="ChannelScale"/> byte.
/// A scale is never below sqrt(max |x|) by more than that byte rounds, and the token's scale adapts to it, so coarse steps cost little.
/// </summary>
internal static unsafe class ChannelScales
{
    private const int MaxStep = 15;
    private const int Width = 8;

    /// <summary>Writes the scales sqrt(max |x|) of <paramref name="count"/> channels, and 1/scale as stored over <paramref name="maxima"/>.</summary>
    /// <returns>The greatest, as a byte.</returns>
    public static byte Write(float* maxima, int count, byte* steps)
    {
        Vector256<int> most = default;
        for (int i = 0; i < count; i += Width)
        {
            Vector256<int> codes = ChannelScale.Encode8(Vector256.Sqrt(Vector256.Load(maxima + i)));
            codes.AsSingle().Store(maxima + i);
            most = Vector256.Max(most, codes);
        }

        int greatest = LaneFold.Max(most);
        for (int i = 0; i < count; i += 2 * Width)
        {
            Vector256<int> first = Steps(greatest, maxima + i);
            Vector256<int> second = Steps(greatest, maxima + i + Width);
            (Vector256<float>.One / Scales(greatest, first)).Store(maxima + i);
            (Vector256<float>.One / Scales(greatest, second)).Store(maxima + i + Width);
            steps = CodePacking.Store(first, second, bitCount: 4, steps);
        }

        return (byte)greatest;
    }

    /// <summary>Any bytes give positive, finite scales.</summary>
    public static void Read(byte* steps, byte greatest, int count, float* scales)
    {
        for (int i = 0; i < count; i += 2 * Width)
        {
            Vector256<int> pairs = Widening.Bytes8(steps + (i / 2));
            Scales(greatest, pairs & Vector256.Create(0xF)).Store(scales + i);
            Scales(greatest, pairs >>> 4).Store(scales + i + Width);
        }
    }

    private static Vector256<int> Steps(int greatest, float* codes) =>
        Vector256.Min((Vector256.Create(greatest) - Vector256.Load(codes).AsInt32()) >> 1, Vector256.Create(MaxStep));

    private static Vector256<float> Scales(int greatest, Vector256<int> steps) =>
        ChannelScale.Decode8(Vector256.Create(greatest) - (steps << 1));
}
