using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>V of a <see cref="TokenwiseTensor"/>: codes of a segment have one row a token.</summary>
internal sealed unsafe class TokenwiseValues : TokenwiseTensor
{
    private const int Width = 8;
    private readonly PackedMultiply[] _packed;

    public TokenwiseValues(LatentShape shape, IReadOnlyList<TokenSegment> segments, bool isSeparable, SimdPath path)
        : base(shape, [.. Enumerable.Range(0, shape.HeadCount).Select(shape.ValueSize)], segments, isSeparable) =>
        _packed = [.. segments.Select(segment => PackedMultiply.Create(path, segment.BitCount))];

    public override void Multiply(int head, byte* payload, float* x, int xStride, int rowCount, float* y, int yStride)
    {
        int size = Size(head);
        float* scaled = TileScratch.Rows.Rent((rowCount * (Tokens + size + 1)) + size + (2 * Tokens));
        float* product = scaled + ((nint)rowCount * Tokens);
        float* sums = product + ((nint)rowCount * size);
        float* parameters = sums + rowCount;
        float* channels = parameters + (2 * Tokens);
        ReadChannels(head, payload, channels);
        if (rowCount > ScaleFolding.StoredMaxRowCount)
        {
            TokenParameters.Read(payload, parameters);
        }

        for (int i = 0; i < rowCount; i++)
        {
            float* from = x + ((nint)i * xStride);
            float* to = scaled + ((nint)i * Tokens);
            sums[i] = rowCount > ScaleFolding.StoredMaxRowCount
                ? ScaleFolding.Fold(from, parameters, parameters + Tokens, to, Tokens)
                : ScaleFolding.Fold(from, (Half*)payload, (Half*)payload + Tokens, to, Tokens);
        }

        for (int i = 0; i < _packed.Length; i++)
        {
            TokenSegment segment = Segments[i];
            _packed[i].Multiply(
                scaled + segment.Start, Tokens, rowCount, segment.Count, payload + CodesOffset(head, i), size, product, size, accumulate: i > 0);
        }

        for (int i = 0; i < rowCount; i++)
        {
            ScaleFolding.FinishValues(product + ((nint)i * size), channels, sums[i], y + ((nint)i * yStride), size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Maxima(int head, float* latent, float* maxima)
    {
        int size = Size(head);
        for (int channel = 0; channel < size; channel += 2 * Width)
        {
            Vector256<float> first = default;
            Vector256<float> second = default;
            float* x = latent + Shape.ValueOffset(head) + channel;
            for (int token = 0; token < Tokens; token++)
            {
                first = Vector256.MaxNative(first, Vector256.Abs(Vector256.Load(x)));
                second = Vector256.MaxNative(second, Vector256.Abs(Vector256.Load(x + Width)));
                x += size;
            }

            first.Store(maxima + channel);
            second.Store(maxima + channel + Width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void FindRanges(float* latent, float* inverses, float* lows, float* highs)
    {
        for (int token = 0; token < Tokens; token++)
        {
            var low = Vector256.Create(float.MaxValue);
            var high = Vector256.Create(float.MinValue);
            for (int head = 0; head < HeadCount; head++)
            {
                int size = Size(head);
                float* x = latent + Shape.ValueOffset(head) + ((nint)token * size);
                float* inverse = inverses + ChannelStart(head);
                for (int channel = 0; channel < size; channel += 2 * Width)
                {
                    Vector256<float> first = Vector256.Load(x + channel) * Vector256.Load(inverse + channel);
                    Vector256<float> second = Vector256.Load(x + channel + Width) * Vector256.Load(inverse + channel + Width);
                    low = Vector256.MinNative(low, Vector256.MinNative(first, second));
                    high = Vector256.MaxNative(high, Vector256.MaxNative(first, second));
                }
            }

            lows[token] = LaneFold.Min(low);
            highs[token] = LaneFold.Max(high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void EncodeCodes(
        int head, TokenSegment segment, float* latent, float* inverses, float* zeros, float* inverseSteps, byte* codes)
    {
        int size = Size(head);
        for (int token = segment.Start; token < segment.Start + segment.Count; token++)
        {
            float* x = latent + Shape.ValueOffset(head) + ((nint)token * size);
            var zero = Vector256.Create(zeros[token]);
            var inverseStep = Vector256.Create(inverseSteps[token]);
            for (int channel = 0; channel < size; channel += 2 * Width)
            {
                Vector256<int> first = CodePacking.Quantise(
                    Vector256.Load(x + channel), Vector256.Load(inverses + channel), zero, inverseStep, segment.MaxCode);
                Vector256<int> second = CodePacking.Quantise(
                    Vector256.Load(x + channel + Width), Vector256.Load(inverses + channel + Width), zero, inverseStep, segment.MaxCode);
                codes = CodePacking.Store(first, second, segment.BitCount, codes);
            }
        }
    }

    protected override void DecodeCodes(int head, int segment, byte* codes, float* channels, float* parameters, float* latent)
    {
        int size = Size(head);
        int start = Segments[segment].Start;
        float* values = latent + Shape.ValueOffset(head) + ((nint)start * size);
        _packed[segment].Expand(codes, Segments[segment].Count, size, values, size);
        for (int i = 0; i < Segments[segment].Count; i++)
        {
            AffineDecode.ScaleToken(values + ((nint)i * size), size, parameters[start + i], parameters[Tokens + start + i], channels);
        }
    }
}
