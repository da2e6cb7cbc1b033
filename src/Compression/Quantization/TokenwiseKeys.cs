using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>K of a <see cref="TokenwiseTensor"/>: codes of a segment have one row a channel.</summary>
internal sealed unsafe class TokenwiseKeys : TokenwiseTensor
{
    private const int Width = 8;
    private readonly PackedMultiply[] _packed;

    public TokenwiseKeys(LatentShape shape, IReadOnlyList<TokenSegment> segments, bool isSeparable, SimdPath path)
        : base(shape, [.. Enumerable.Range(0, shape.HeadCount).Select(shape.KeySize)], segments, isSeparable) =>
        _packed = [.. segments.Select(segment => PackedMultiply.Create(path, segment.BitCount))];

    public override void Multiply(int head, byte* payload, float* x, int xStride, int rowCount, float* y, int yStride)
    {
        int size = Size(head);
        float* scaled = TileScratch.Rows.Rent((rowCount * (size + 1)) + size + (2 * Tokens));
        float* sums = scaled + ((nint)rowCount * size);
        float* parameters = sums + rowCount;
        float* channels = parameters + (2 * Tokens);
        TokenParameters.Read(payload, parameters);
        ReadChannels(head, payload, channels);
        for (int i = 0; i < rowCount; i++)
        {
            sums[i] = ScaleFolding.FoldChannels(x + ((nint)i * xStride), channels, scaled + ((nint)i * size), size);
        }

        for (int i = 0; i < _packed.Length; i++)
        {
            TokenSegment segment = Segments[i];
            _packed[i].Multiply(
                scaled, size, rowCount, size, payload + CodesOffset(head, i), segment.Count, y + segment.Start, yStride, accumulate: false);
        }

        for (int i = 0; i < rowCount; i++)
        {
            ScaleFolding.FinishScores(y + ((nint)i * yStride), parameters, parameters + Tokens, sums[i], Tokens);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Maxima(int head, float* latent, float* maxima)
    {
        float* row = latent + Shape.KeyOffset(head);
        for (int channel = 0; channel < Size(head); channel++)
        {
            Vector256<float> first = default;
            Vector256<float> second = default;
            for (int token = 0; token < Tokens; token += 2 * Width)
            {
                first = Vector256.MaxNative(first, Vector256.Abs(Vector256.Load(row + token)));
                second = Vector256.MaxNative(second, Vector256.Abs(Vector256.Load(row + token + Width)));
            }

            maxima[channel] = LaneFold.Max(Vector256.MaxNative(first, second));
            row += Tokens;
        }
    }

    protected override void FindRanges(float* latent, float* inverses, float* lows, float* highs)
    {
        new Span<float>(lows, Tokens).Fill(float.MaxValue);
        new Span<float>(highs, Tokens).Fill(float.MinValue);
        for (int head = 0; head < HeadCount; head++)
        {
            WidenRanges(head, latent, inverses + ChannelStart(head), lows, highs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void EncodeCodes(
        int head, TokenSegment segment, float* latent, float* inverses, float* zeros, float* inverseSteps, byte* codes)
    {
        int end = segment.Start + segment.Count;
        for (int channel = 0; channel < Size(head); channel++)
        {
            float* x = latent + Shape.KeyOffset(head) + ((nint)channel * Tokens);
            var inverse = Vector256.Create(inverses[channel]);
            for (int token = segment.Start; token < end; token += 2 * Width)
            {
                Vector256<int> first = CodePacking.Quantise(
                    Vector256.Load(x + token), inverse, Vector256.Load(zeros + token), Vector256.Load(inverseSteps + token), segment.MaxCode);
                Vector256<int> second = CodePacking.Quantise(
                    Vector256.Load(x + token + Width), inverse, Vector256.Load(zeros + token + Width), Vector256.Load(inverseSteps + token + Width),
                    segment.MaxCode);
                codes = CodePacking.Store(first, second, segment.BitCount, codes);
            }
        }
    }

    protected override void DecodeCodes(int head, int segment, byte* codes, float* channels, float* parameters, float* latent)
    {
        int count = Segments[segment].Count;
        int start = Segments[segment].Start;
        float* keys = latent + Shape.KeyOffset(head) + start;
        _packed[segment].Expand(codes, Size(head), count, keys, Tokens);
        for (int channel = 0; channel < Size(head); channel++)
        {
            AffineDecode.ScaleChannel(
                keys + ((nint)channel * Tokens), count, parameters + start, parameters + Tokens + start, channels[channel]);
        }
    }

    /// <summary>Widens each token's range to hold x·inverse of a head's channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WidenRanges(int head, float* latent, float* inverses, float* lows, float* highs)
    {
        float* keys = latent + Shape.KeyOffset(head);
        for (int token = 0; token < Tokens; token += 2 * Width)
        {
            var low = Vector256.Load(lows + token);
            var high = Vector256.Load(highs + token);
            var secondLow = Vector256.Load(lows + token + Width);
            var secondHigh = Vector256.Load(highs + token + Width);
            float* x = keys + token;
            for (int channel = 0; channel < Size(head); channel++)
            {
                var inverse = Vector256.Create(inverses[channel]);
                Vector256<float> first = Vector256.Load(x) * inverse;
                Vector256<float> second = Vector256.Load(x + Width) * inverse;
                low = Vector256.MinNative(low, first);
                high = Vector256.MaxNative(high, first);
                secondLow = Vector256.MinNative(secondLow, second);
                secondHigh = Vector256.MaxNative(secondHigh, second);
                x += Tokens;
            }

            low.Store(lows + token);
            high.Store(highs + token);
            secondLow.Store(lows + token + Width);
            secondHigh.Store(highs + token + Width);
        }
    }
}
