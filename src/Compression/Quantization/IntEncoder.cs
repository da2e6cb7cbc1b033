using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>Encodes an open layer: channel scales, then each token's range over all channels, then codes.</summary>
/// <remarks>Every step is one operation an element, so the bytes do not depend on the instruction set.</remarks>
internal static unsafe class IntEncoder
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int Width = 8;

    public static void Encode(KvGeometry geometry, IntPayload layout, Half* openLayer, byte* payload)
    {
        int channels = geometry.HeadSize;
        float* inverses = TileScratch.Rows.Rent((2 * geometry.ChannelCount) + (2 * Tokens));
        float* valueInverses = inverses + geometry.ChannelCount;
        float* lows = valueInverses + geometry.ChannelCount;
        float* highs = lows + Tokens;
        nint headLength = 2 * Tokens * channels;
        for (int head = 0; head < geometry.KvHeadCount; head++)
        {
            Half* keys = openLayer + (head * headLength);
            KeyChannels(keys, channels, payload + layout.KeyChannelScales(head), inverses + (head * channels));
            ValueChannels(keys + (headLength / 2), channels, payload + layout.ValueChannelScales(head), valueInverses + (head * channels));
        }

        KeyRanges(geometry, openLayer, inverses, lows, highs);
        TokenScales.Write(lows, highs, layout.MaxCode, payload + IntPayload.KeyScales);
        for (int head = 0; head < geometry.KvHeadCount; head++)
        {
            KeyCodes(openLayer + (head * headLength), channels, layout, inverses + (head * channels), lows, highs, payload + layout.KeyCodes(head));
        }

        ValueRanges(geometry, openLayer, valueInverses, lows, highs);
        TokenScales.Write(lows, highs, layout.MaxCode, payload + IntPayload.ValueScales);
        for (int head = 0; head < geometry.KvHeadCount; head++)
        {
            Half* values = openLayer + (head * headLength) + (headLength / 2);
            ValueCodes(values, channels, layout, valueInverses + (head * channels), lows, highs, payload + layout.ValueCodes(head));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void KeyChannels(Half* keys, int channels, byte* scales, float* inverses)
    {
        for (int channel = 0; channel < channels; channel++)
        {
            Vector128<ushort> most = default;
            for (int token = 0; token < Tokens; token += Width)
            {
                most = Vector128.Max(most, Magnitudes(keys + (channel * Tokens) + token));
            }

            most = Vector128.Max(most, Vector128.Shuffle(most, Vector128.Create((ushort)4, 5, 6, 7, 0, 1, 2, 3)));
            most = Vector128.Max(most, Vector128.Shuffle(most, Vector128.Create((ushort)2, 3, 0, 1, 6, 7, 4, 5)));
            WriteScale((ushort)Math.Max(most[0], most[1]), scales + channel, inverses + channel);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ValueChannels(Half* values, int channels, byte* scales, float* inverses)
    {
        for (int channel = 0; channel < channels; channel += Width)
        {
            Vector128<ushort> most = default;
            for (int token = 0; token < Tokens; token++)
            {
                most = Vector128.Max(most, Magnitudes(values + ((nint)token * channels) + channel));
            }

            for (int lane = 0; lane < Width; lane++)
            {
                WriteScale(most[lane], scales + channel + lane, inverses + channel + lane);
            }
        }
    }

    /// <summary>Bit patterns without sign: they order as the magnitudes do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Magnitudes(Half* source) => Vector128.Load((ushort*)source) & Vector128.Create((ushort)0x7FFF);

    private static void WriteScale(ushort magnitude, byte* scale, float* inverse)
    {
        *scale = ChannelScale.Encode(MathF.Sqrt(HalfConversion.ToSingle(BitConverter.UInt16BitsToHalf(magnitude))));
        *inverse = 1 / ChannelScale.Decode(*scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void KeyRanges(KvGeometry geometry, Half* openLayer, float* inverses, float* lows, float* highs)
    {
        for (int token = 0; token < Tokens; token += Width)
        {
            var low = Vector256.Create(float.MaxValue);
            var high = Vector256.Create(float.MinValue);
            for (int channel = 0; channel < geometry.ChannelCount; channel++)
            {
                // K of a head is followed by its V, of the same length.
                nint row = channel + (channel / geometry.HeadSize * geometry.HeadSize);
                Vector256<float> x = HalfConversion.Load8(openLayer + (row * Tokens) + token) * inverses[channel];
                low = Vector256.MinNative(low, x);
                high = Vector256.MaxNative(high, x);
            }

            low.Store(lows + token);
            high.Store(highs + token);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ValueRanges(KvGeometry geometry, Half* openLayer, float* inverses, float* lows, float* highs)
    {
        nint headLength = 2 * Tokens * geometry.HeadSize;
        for (int token = 0; token < Tokens; token++)
        {
            var low = Vector256.Create(float.MaxValue);
            var high = Vector256.Create(float.MinValue);
            for (int head = 0; head < geometry.KvHeadCount; head++)
            {
                Half* row = openLayer + (head * headLength) + (headLength / 2) + (token * geometry.HeadSize);
                for (int channel = 0; channel < geometry.HeadSize; channel += Width)
                {
                    Vector256<float> x = HalfConversion.Load8(row + channel) * Vector256.Load(inverses + (head * geometry.HeadSize) + channel);
                    low = Vector256.MinNative(low, x);
                    high = Vector256.MaxNative(high, x);
                }
            }

            lows[token] = LaneFold.Min(low);
            highs[token] = LaneFold.Max(high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void KeyCodes(Half* keys, int channels, IntPayload layout, float* inverses, float* zeros, float* inverseSteps, byte* codes)
    {
        for (int channel = 0; channel < channels; channel++)
        {
            var inverse = Vector256.Create(inverses[channel]);
            for (int token = 0; token < Tokens; token += 2 * Width)
            {
                Half* x = keys + (channel * Tokens) + token;
                Vector256<int> first = CodePacking.Quantise(x, inverse, Vector256.Load(zeros + token), Vector256.Load(inverseSteps + token), layout.MaxCode);
                Vector256<int> second = CodePacking.Quantise(
                    x + Width, inverse, Vector256.Load(zeros + token + Width), Vector256.Load(inverseSteps + token + Width), layout.MaxCode);
                codes = CodePacking.Store(first, second, layout.BitCount, codes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ValueCodes(Half* values, int channels, IntPayload layout, float* inverses, float* zeros, float* inverseSteps, byte* codes)
    {
        for (int token = 0; token < Tokens; token++)
        {
            var zero = Vector256.Create(zeros[token]);
            var inverseStep = Vector256.Create(inverseSteps[token]);
            for (int channel = 0; channel < channels; channel += 2 * Width)
            {
                Half* x = values + ((nint)token * channels) + channel;
                Vector256<int> first = CodePacking.Quantise(x, Vector256.Load(inverses + channel), zero, inverseStep, layout.MaxCode);
                Vector256<int> second = CodePacking.Quantise(x + Width, Vector256.Load(inverses + channel + Width), zero, inverseStep, layout.MaxCode);
                codes = CodePacking.Store(first, second, layout.BitCount, codes);
            }
        }
    }
}
