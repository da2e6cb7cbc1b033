using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Channelwise quantisation of K: each channel has one scale and zero in each segment of tokens: x̂ = code·scale + zero. A segment is the Block (KCVT:
/// GEAR, arXiv 2403.05527), a class of tokens (ZipCache, arXiv 2405.14256) or a group (KIVI, arXiv 2402.02750).
/// </summary>
/// <remarks>Payload: for each segment the scales of all channels, then their zeros, in 16-bit floats; then codes by head and segment.</remarks>
internal sealed unsafe class ChannelwiseKeys : TensorQuantiser
{
    private const int Width = 8;
    private readonly TokenSegment[] _segments;
    private readonly PackedMultiply[] _packed;
    private readonly int[] _codesOffsets; // by head, then segment

    public ChannelwiseKeys(LatentShape shape, IReadOnlyList<TokenSegment> segments, SimdPath path)
        : base(shape)
    {
        _segments = [.. segments];
        _packed = [.. segments.Select(segment => PackedMultiply.Create(path, segment.BitCount))];
        _codesOffsets = new int[shape.HeadCount * _segments.Length];
        int offset = CodesStart;
        for (int i = 0; i < _codesOffsets.Length; i++)
        {
            (int head, int segment) = Math.DivRem(i, _segments.Length);
            _codesOffsets[i] = offset;
            offset += shape.KeySize(head) * _segments[segment].Count * _segments[segment].BitCount / 8;
        }

        SizeBytes = Align(offset);
    }

    public override int SizeBytes { get; }

    /// <summary>Of one parameter of one segment.</summary>
    private int ParameterSize => sizeof(ushort) * Shape.KeyChannelCount;

    private int CodesStart => 2 * ParameterSize * _segments.Length;

    public override IReadOnlyList<CodeRun> Runs(int head, int start) =>
    [
        .. _segments.Select((segment, i) => new CodeRun(
            CodeParameters.Channel,
            segment.BitCount,
            start + CodesOffset(head, i),
            0,
            Shape.KeySize(head),
            segment.Start,
            segment.Count,
            start + (2 * i * ParameterSize) + (sizeof(ushort) * Shape.KeyChannelStart(head)),
            start + (((2 * i) + 1) * ParameterSize) + (sizeof(ushort) * Shape.KeyChannelStart(head)))),
    ];

    public override void Encode(float* latent, byte* payload)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            int size = Shape.KeySize(head);
            float* keys = latent + Shape.KeyOffset(head);
            float* lows = TileScratch.Rows.Rent(2 * size);
            float* highs = lows + size;
            for (int i = 0; i < _segments.Length; i++)
            {
                FindRanges(_segments[i], keys, size, lows, highs);
                Half* scales = Scales(payload, i, head);
                AffineParameters.Write(lows, highs, size, _segments[i].MaxCode, scales, scales + Shape.KeyChannelCount);
                EncodeCodes(_segments[i], keys, size, lows, highs, payload + CodesOffset(head, i));
            }
        }
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload)
    {
        bool isWellFormed = true;
        for (int i = 0; i < _segments.Length; i++)
        {
            int scales = 2 * i * ParameterSize;
            isWellFormed &= AffineParameters.AreWellFormed(
                payload.Slice(scales, ParameterSize), payload.Slice(scales + ParameterSize, ParameterSize));
        }

        return isWellFormed;
    }

    public override void Decode(byte* payload, float* latent)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            for (int i = 0; i < _segments.Length; i++)
            {
                Half* scales = Scales(payload, i, head);
                float* keys = latent + Shape.KeyOffset(head) + _segments[i].Start;
                _packed[i].Expand(payload + CodesOffset(head, i), Shape.KeySize(head), _segments[i].Count, keys, Tokens);
                for (int channel = 0; channel < Shape.KeySize(head); channel++)
                {
                    float scale = HalfConversion.ToSingle(scales[channel]);
                    float zero = HalfConversion.ToSingle(scales[Shape.KeyChannelCount + channel]);
                    AffineDecode.Scale(keys + ((nint)channel * Tokens), _segments[i].Count, scale, zero);
                }
            }
        }
    }

    public override void Prefetch(int head, byte* payload)
    {
        int parameters = sizeof(ushort) * Shape.KeySize(head);
        for (int i = 0; i < _segments.Length; i++)
        {
            Half* scales = Scales(payload, i, head);
            CacheLines.Prefetch((byte*)scales, parameters);
            CacheLines.Prefetch((byte*)(scales + Shape.KeyChannelCount), parameters);
        }

        int last = _segments.Length - 1;
        int start = CodesOffset(head, 0);
        int end = CodesOffset(head, last) + (Shape.KeySize(head) * _segments[last].Count * _segments[last].BitCount / 8);
        CacheLines.Prefetch(payload + start, end - start);
    }

    /// <summary>score = Σ q·zero, then a chain of (q·scale)·code.</summary>
    public override void Multiply(int head, byte* payload, float* x, int xStride, int rowCount, float* y, int yStride)
    {
        int size = Shape.KeySize(head);
        float* scaled = TileScratch.Rows.Rent((rowCount + 2) * size);
        float* scales = scaled + ((nint)rowCount * size);
        for (int i = 0; i < _segments.Length; i++)
        {
            TokenSegment segment = _segments[i];
            Half* parameters = Scales(payload, i, head);
            Half* zeros = parameters + Shape.KeyChannelCount;
            if (rowCount > ScaleFolding.StoredMaxRowCount)
            {
                HalfConversion.ToSingle(new ReadOnlySpan<Half>(parameters, size), new Span<float>(scales, size));
                HalfConversion.ToSingle(new ReadOnlySpan<Half>(zeros, size), new Span<float>(scales + size, size));
            }

            for (int row = 0; row < rowCount; row++)
            {
                float* from = x + ((nint)row * xStride);
                float* to = scaled + ((nint)row * size);
                float sum = rowCount > ScaleFolding.StoredMaxRowCount
                    ? ScaleFolding.Fold(from, scales, scales + size, to, size)
                    : ScaleFolding.Fold(from, parameters, zeros, to, size);
                new Span<float>(y + ((nint)row * yStride) + segment.Start, segment.Count).Fill(sum);
            }

            _packed[i].Multiply(scaled, size, rowCount, size, payload + CodesOffset(head, i), segment.Count, y + segment.Start, yStride, accumulate: true);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FindRanges(TokenSegment segment, float* keys, int size, float* lows, float* highs)
    {
        for (int channel = 0; channel < size; channel++)
        {
            float* x = keys + ((nint)channel * Tokens) + segment.Start;
            var low = Vector256.Create(float.MaxValue);
            var high = Vector256.Create(float.MinValue);
            for (int token = 0; token < segment.Count; token += Width)
            {
                low = Vector256.MinNative(low, Vector256.Load(x + token));
                high = Vector256.MaxNative(high, Vector256.Load(x + token));
            }

            lows[channel] = LaneFold.Min(low);
            highs[channel] = LaneFold.Max(high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EncodeCodes(TokenSegment segment, float* keys, int size, float* zeros, float* inverseSteps, byte* codes)
    {
        for (int channel = 0; channel < size; channel++)
        {
            float* x = keys + ((nint)channel * Tokens) + segment.Start;
            var zero = Vector256.Create(zeros[channel]);
            var inverseStep = Vector256.Create(inverseSteps[channel]);
            for (int token = 0; token < segment.Count; token += 2 * Width)
            {
                Vector256<int> first = CodePacking.Quantise(Vector256.Load(x + token), Vector256<float>.One, zero, inverseStep, segment.MaxCode);
                Vector256<int> second = CodePacking.Quantise(Vector256.Load(x + token + Width), Vector256<float>.One, zero, inverseStep, segment.MaxCode);
                codes = CodePacking.Store(first, second, segment.BitCount, codes);
            }
        }
    }

    private int CodesOffset(int head, int segment) => _codesOffsets[(head * _segments.Length) + segment];

    /// <summary>The scales of a head's channels; their zeros are as many halves after them as K has channels.</summary>
    private Half* Scales(byte* payload, int segment, int head) =>
        (Half*)(payload + (2 * segment * ParameterSize)) + Shape.KeyChannelStart(head);
}
