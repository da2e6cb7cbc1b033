using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Tokenwise quantisation of K or of V: each token has one scale and zero for the channels of all heads. Channel-separable (ZipCache, arXiv
/// 2405.14256, section 4.1) when each channel is first divided by sqrt(max |x|) over the Block's tokens: x̂ = (code·scale + zero)·channel.
/// </summary>
/// <remarks>
/// Codes are made with the parameters <i>as stored</i>, rounded so that no value lies outside its token's range: within the range of 16-bit
/// parameters a value's error is at most half a step of its token times its channel's scale. Payload: 64 scales and 64 zeros, codes by head
/// and segment, channel scales of 4 bits, the greatest of each head. Byte table: docs/slab-format.md.
/// </remarks>
internal abstract unsafe class TokenwiseTensor : TensorQuantiser
{
    private readonly int _codeBitsPerChannel;
    private readonly bool _isSeparable;
    private readonly int[] _channelStarts;
    private readonly int[] _segmentBits;

    /// <param name="shape">The whole layer.</param>
    /// <param name="sizes">Channels by head.</param>
    /// <param name="segments">Of the Block's tokens.</param>
    /// <param name="isSeparable">False: channels are not scaled.</param>
    protected TokenwiseTensor(LatentShape shape, IReadOnlyList<int> sizes, IReadOnlyList<TokenSegment> segments, bool isSeparable)
        : base(shape)
    {
        Segments = [.. segments];
        _isSeparable = isSeparable;
        _channelStarts = new int[sizes.Count + 1];
        for (int head = 0; head < sizes.Count; head++)
        {
            _channelStarts[head + 1] = _channelStarts[head] + sizes[head];
        }

        _segmentBits = new int[Segments.Length];
        for (int i = 0; i < Segments.Length; i++)
        {
            _segmentBits[i] = _codeBitsPerChannel;
            _codeBitsPerChannel += Segments[i].Count * Segments[i].BitCount;
        }

        ChannelCount = _channelStarts[^1];
        StepsOffset = TokenParameters.SizeBytes + (ChannelCount * _codeBitsPerChannel / 8);
        SizeBytes = Align(StepsOffset + (isSeparable ? (ChannelCount / 2) + sizes.Count : 0));
    }

    public override int SizeBytes { get; }

    protected TokenSegment[] Segments { get; }

    protected int HeadCount => _channelStarts.Length - 1;

    private int ChannelCount { get; }

    private int StepsOffset { get; }

    private int GreatestOffset => StepsOffset + (ChannelCount / 2);

    public override IReadOnlyList<CodeRun> Runs(int head, int start) =>
    [
        .. Segments.Select((segment, i) => new CodeRun(
            CodeParameters.Token,
            segment.BitCount,
            start + CodesOffset(head, i),
            0,
            Size(head),
            segment.Start,
            segment.Count,
            start + (sizeof(ushort) * segment.Start),
            start + (sizeof(ushort) * (Tokens + segment.Start)),
            _isSeparable ? start + StepsOffset + (_channelStarts[head] / 2) : -1,
            _isSeparable ? start + GreatestOffset + head : -1)),
    ];

    public override void Encode(float* latent, byte* payload)
    {
        float* inverses = TileScratch.Rows.Rent(ChannelCount + (2 * Tokens));
        float* lows = inverses + ChannelCount;
        float* highs = lows + Tokens;
        EncodeChannels(latent, inverses, payload);
        FindRanges(latent, inverses, lows, highs);
        foreach (TokenSegment segment in Segments)
        {
            TokenParameters.Write(segment, lows, highs, payload);
        }

        for (int head = 0; head < HeadCount; head++)
        {
            for (int i = 0; i < Segments.Length; i++)
            {
                EncodeCodes(head, Segments[i], latent, inverses + _channelStarts[head], lows, highs, payload + CodesOffset(head, i));
            }
        }
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload) =>
        TokenParameters.AreWellFormed(payload) && !payload[(StepsOffset + (_isSeparable ? (ChannelCount / 2) + HeadCount : 0))..].ContainsAnyExcept((byte)0);

    public override void Decode(byte* payload, float* latent)
    {
        float* parameters = stackalloc float[2 * Tokens];
        TokenParameters.Read(payload, parameters);
        for (int head = 0; head < HeadCount; head++)
        {
            float* channels = TileScratch.Rows.Rent(Size(head));
            ReadChannels(head, payload, channels);
            for (int i = 0; i < Segments.Length; i++)
            {
                DecodeCodes(head, i, payload + CodesOffset(head, i), channels, parameters, latent);
            }
        }
    }

    public override void Prefetch(int head, byte* payload)
    {
        CacheLines.Prefetch(payload, TokenParameters.SizeBytes);
        CacheLines.Prefetch(payload + StepsOffset + (_channelStarts[head] / 2), 1);
        CacheLines.Prefetch(payload + CodesOffset(head, 0), Size(head) * _codeBitsPerChannel / 8);
    }

    protected int Size(int head) => _channelStarts[head + 1] - _channelStarts[head];

    /// <summary>Channels of the heads before one.</summary>
    protected int ChannelStart(int head) => _channelStarts[head];

    protected int CodesOffset(int head, int segment) =>
        TokenParameters.SizeBytes + (((_channelStarts[head] * _codeBitsPerChannel) + (Size(head) * _segmentBits[segment])) / 8);

    /// <summary>The scales of a head's channels.</summary>
    protected void ReadChannels(int head, byte* payload, float* scales)
    {
        if (_isSeparable)
        {
            ChannelScales.Read(payload + StepsOffset + (_channelStarts[head] / 2), payload[GreatestOffset + head], Size(head), scales);
        }
        else
        {
            new Span<float>(scales, Size(head)).Fill(1);
        }
    }

    /// <summary>max |x| of each channel of a head.</summary>
    protected abstract void Maxima(int head, float* latent, float* maxima);

    /// <summary>Each token's least and greatest x·inverse, over the channels of all heads.</summary>
    protected abstract void FindRanges(float* latent, float* inverses, float* lows, float* highs);

    /// <summary>Packs the codes of a segment.</summary>
    protected abstract void EncodeCodes(
        int head, TokenSegment segment, float* latent, float* inverses, float* zeros, float* inverseSteps, byte* codes);

    /// <summary>x̂ = fma(code, scale, zero)·channel; <paramref name="parameters"/> are 64 scales, then 64 zeros.</summary>
    protected abstract void DecodeCodes(int head, int segment, byte* codes, float* channels, float* parameters, float* latent);

    private void EncodeChannels(float* latent, float* inverses, byte* payload)
    {
        if (!_isSeparable)
        {
            new Span<float>(inverses, ChannelCount).Fill(1);
            return;
        }

        for (int head = 0; head < HeadCount; head++)
        {
            int start = _channelStarts[head];
            Maxima(head, latent, inverses + start);
            payload[GreatestOffset + head] = ChannelScales.Write(inverses + start, Size(head), payload + StepsOffset + (start / 2));
        }
    }
}
