using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Groupwise quantisation of V: each token has one scale and zero for each group of channels of a head: x̂ = code·scale + zero (KIVI, arXiv 2402.02750).
/// </summary>
/// <remarks>Payload, by head and group: 64 scales and 64 zeros in 16-bit floats, then codes with one row a token.</remarks>
internal sealed unsafe class GroupedValues : TensorQuantiser
{
    private const int Width = 8;
    private readonly TokenSegment _block;
    private readonly ChannelGroup[][] _groups; // by head
    private readonly PackedMultiply _packed;

    /// <param name="shape">The whole layer.</param>
    /// <param name="groupSize">Channels of a group; the last one of a head may have fewer. A multiple of 16.</param>
    /// <param name="bitCount">Of a code.</param>
    /// <param name="path">Instructions to run on.</param>
    public GroupedValues(LatentShape shape, int groupSize, int bitCount, SimdPath path)
        : base(shape)
    {
        _block = new TokenSegment(0, Tokens, bitCount);
        _packed = PackedMultiply.Create(path, bitCount);
        _groups = new ChannelGroup[shape.HeadCount][];
        for (int head = 0; head < _groups.Length; head++)
        {
            int size = shape.ValueSize(head);
            _groups[head] = new ChannelGroup[(size + groupSize - 1) / groupSize];
            for (int i = 0; i < _groups[head].Length; i++)
            {
                int start = i * groupSize;
                int width = Math.Min(groupSize, size - start);
                _groups[head][i] = new ChannelGroup(start, width, SizeBytes);
                SizeBytes += TokenParameters.SizeBytes + (Tokens * width * bitCount / 8);
            }
        }
    }

    public override int SizeBytes { get; }

    public override IReadOnlyList<CodeRun> Runs(int head, int start) =>
    [
        .. _groups[head].Select(group => new CodeRun(
            CodeParameters.Token,
            _block.BitCount,
            start + group.Offset + TokenParameters.SizeBytes,
            group.Start,
            group.Width,
            0,
            Tokens,
            start + group.Offset,
            start + group.Offset + (TokenParameters.SizeBytes / 2))),
    ];

    public override void Encode(float* latent, byte* payload)
    {
        float* lows = TileScratch.Rows.Rent(2 * Tokens);
        float* highs = lows + Tokens;
        for (int head = 0; head < _groups.Length; head++)
        {
            foreach (ChannelGroup group in _groups[head])
            {
                float* x = latent + Shape.ValueOffset(head) + group.Start;
                FindRanges(x, Shape.ValueSize(head), group.Width, lows, highs);
                TokenParameters.Write(_block, lows, highs, payload + group.Offset);
                EncodeCodes(x, Shape.ValueSize(head), group.Width, lows, highs, payload + group.Offset + TokenParameters.SizeBytes);
            }
        }
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload)
    {
        bool isWellFormed = true;
        foreach (ChannelGroup[] head in _groups)
        {
            foreach (ChannelGroup group in head)
            {
                isWellFormed &= TokenParameters.AreWellFormed(payload[group.Offset..]);
            }
        }

        return isWellFormed;
    }

    public override void Decode(byte* payload, float* latent)
    {
        float* parameters = stackalloc float[2 * Tokens];
        for (int head = 0; head < _groups.Length; head++)
        {
            foreach (ChannelGroup group in _groups[head])
            {
                TokenParameters.Read(payload + group.Offset, parameters);
                float* values = latent + Shape.ValueOffset(head) + group.Start;
                int stride = Shape.ValueSize(head);
                _packed.Expand(payload + group.Offset + TokenParameters.SizeBytes, Tokens, group.Width, values, stride);
                for (int token = 0; token < Tokens; token++)
                {
                    AffineDecode.Scale(values + ((nint)token * stride), group.Width, parameters[token], parameters[Tokens + token]);
                }
            }
        }
    }

    public override void Prefetch(int head, byte* payload)
    {
        int start = _groups[head][0].Offset;
        CacheLines.Prefetch(payload + start, (head + 1 < _groups.Length ? _groups[head + 1][0].Offset : SizeBytes) - start);
    }

    /// <summary>output += Σ w·zero, then a chain of (w·scale)·code.</summary>
    public override void Multiply(int head, byte* payload, float* x, int xStride, int rowCount, float* y, int yStride)
    {
        float* scaled = TileScratch.Rows.Rent((rowCount + 2) * Tokens);
        float* parameters = scaled + ((nint)rowCount * Tokens);
        foreach (ChannelGroup group in _groups[head])
        {
            TokenParameters.Read(payload + group.Offset, parameters);
            for (int row = 0; row < rowCount; row++)
            {
                float sum = ScaleFolding.Fold(
                    x + ((nint)row * xStride), parameters, parameters + Tokens, scaled + ((nint)row * Tokens), Tokens);
                ScaleFolding.Add(y + ((nint)row * yStride) + group.Start, sum, group.Width);
            }

            byte* codes = payload + group.Offset + TokenParameters.SizeBytes;
            _packed.Multiply(scaled, Tokens, rowCount, Tokens, codes, group.Width, y + group.Start, yStride, accumulate: true);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FindRanges(float* x, int stride, int width, float* lows, float* highs)
    {
        for (int token = 0; token < Tokens; token++)
        {
            var low = Vector256.Create(float.MaxValue);
            var high = Vector256.Create(float.MinValue);
            for (int channel = 0; channel < width; channel += Width)
            {
                low = Vector256.MinNative(low, Vector256.Load(x + channel));
                high = Vector256.MaxNative(high, Vector256.Load(x + channel));
            }

            lows[token] = LaneFold.Min(low);
            highs[token] = LaneFold.Max(high);
            x += stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EncodeCodes(float* x, int stride, int width, float* zeros, float* inverseSteps, byte* codes)
    {
        for (int token = 0; token < Tokens; token++)
        {
            var zero = Vector256.Create(zeros[token]);
            var inverseStep = Vector256.Create(inverseSteps[token]);
            for (int channel = 0; channel < width; channel += 2 * Width)
            {
                Vector256<int> first = CodePacking.Quantise(Vector256.Load(x + channel), Vector256<float>.One, zero, inverseStep, _block.MaxCode);
                Vector256<int> second = CodePacking.Quantise(
                    Vector256.Load(x + channel + Width), Vector256<float>.One, zero, inverseStep, _block.MaxCode);
                codes = CodePacking.Store(first, second, _block.BitCount, codes);
            }

            x += stride;
        }
    }
}
