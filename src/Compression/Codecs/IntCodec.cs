using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// <c>int8</c> and <c>int4</c>: channel-separable tokenwise quantisation (ZipCache, arXiv 2405.14256, section 4.1) of K and of V, per
/// Block. A channel's scale is sqrt(max |x|) over the Block's tokens; then each token has one scale and zero for all heads.
/// </summary>
/// <remarks>
/// Codes are made with the parameters <i>as stored</i>, rounded so that no value lies outside its token's range: a value's error is at
/// most half a step of its token times its channel's scale. Infinity and NaN are taken for finite numbers of 65536 and over.
/// </remarks>
public sealed class IntCodec : KvCodec
{
    private const string PayloadFormat = "int/1";
    private const int Tokens = KvGeometry.BlockTokenCount;
    private readonly PackedMultiply _packed;
    private readonly IntPayload _payload;

    /// <param name="geometry">Head size a multiple of 16.</param>
    /// <param name="bitCount">8 or 4.</param>
    public IntCodec(KvGeometry geometry, int bitCount)
        : this(geometry, bitCount, SimdPaths.Best)
    {
    }

    internal IntCodec(KvGeometry geometry, int bitCount, SimdPath path)
        : base(geometry)
    {
        AttentionGuard.RequireSupported(geometry);
        if (bitCount is not (8 or 4))
        {
            throw new ArgumentOutOfRangeException(nameof(bitCount), bitCount, "Codes have 8 or 4 bits.");
        }

        Spec = $"int{bitCount}";
        Fingerprint = CodecFingerprint.Of(PayloadFormat, Spec, geometry);
        _packed = PackedMultiply.Create(path, bitCount);
        _payload = new IntPayload(geometry, bitCount);
    }

    public override string Spec { get; }

    public override ulong Fingerprint { get; }

    public override int MaxPayloadSizeBytes(int layer) => _payload.Size;

    public override unsafe int Encode(int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency, Span<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(openLayer.Length, Geometry.OpenLayerLength, nameof(openLayer));
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, _payload.Size, nameof(payload));
        fixed (Half* source = openLayer)
        fixed (byte* destination = payload)
        {
            IntEncoder.Encode(Geometry, _payload, source, destination);
        }

        return _payload.Size;
    }

    /// <summary>The exact size, and every token's scale positive and finite and its zero finite; any channel scale and code is valid.</summary>
    public override bool IsWellFormed(int layer, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != _payload.Size)
        {
            return false;
        }

        ReadOnlySpan<Half> parameters = MemoryMarshal.Cast<byte, Half>(payload[..IntPayload.SharedSize]);
        bool isWellFormed = true;
        for (int t = 0; t < Tokens; t++)
        {
            isWellFormed &= Half.IsFinite(parameters[t]) && parameters[t] > Half.Zero;
            isWellFormed &= Half.IsFinite(parameters[t + Tokens]);
            isWellFormed &= Half.IsFinite(parameters[t + (2 * Tokens)]) && parameters[t + (2 * Tokens)] > Half.Zero;
            isWellFormed &= Half.IsFinite(parameters[t + (3 * Tokens)]);
        }

        return isWellFormed;
    }

    public override unsafe void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> openLayer)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, _payload.Size, nameof(payload));
        ArgumentOutOfRangeException.ThrowIfLessThan(openLayer.Length, Geometry.OpenLayerLength, nameof(openLayer));
        fixed (byte* source = payload)
        fixed (float* destination = openLayer)
        {
            IntDecoder.Decode(Geometry, _payload, source, destination);
        }
    }

    public override unsafe void Scores(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> queries, int queryCount, Span<float> scores)
    {
        AttentionGuard.RequireScores(Geometry, kvHead, queries.Length, queryCount, Geometry.HeadSize, scores.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, _payload.Size, nameof(payload));
        int channels = Geometry.HeadSize;
        float* scaled = TileScratch.Rows.Rent((queryCount * (channels + 1)) + (2 * Tokens));
        float* scales = scaled + (queryCount * channels);
        float* zeros = scales + Tokens;
        float* sums = zeros + Tokens;
        fixed (byte* source = payload)
        fixed (float* x = queries, y = scores)
        {
            ReadParameters(source + IntPayload.KeyScales, scales);
            for (int i = 0; i < queryCount; i++)
            {
                nint row = (nint)i * channels;
                sums[i] = ScaleFolding.FoldChannels(x + row, source + _payload.KeyChannelScales(kvHead), scaled + row, channels);
            }

            _packed.Multiply(scaled, queryCount, channels, source + _payload.KeyCodes(kvHead), Tokens, y, accumulate: false);
            for (int i = 0; i < queryCount; i++)
            {
                ScaleFolding.FinishScores(y + ((nint)i * Tokens), scales, zeros, sums[i], Tokens);
            }
        }
    }

    public override unsafe void AddValues(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> weights, int queryCount, Span<float> output)
    {
        AttentionGuard.RequireValues(Geometry, kvHead, weights.Length, queryCount, output.Length, Geometry.HeadSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, _payload.Size, nameof(payload));
        int channels = Geometry.HeadSize;
        float* scaled = TileScratch.Rows.Rent((queryCount * (Tokens + channels + 1)) + (2 * Tokens));
        float* product = scaled + (queryCount * Tokens);
        float* scales = product + (queryCount * channels);
        float* zeros = scales + Tokens;
        float* sums = zeros + Tokens;
        fixed (byte* source = payload)
        fixed (float* x = weights, y = output)
        {
            ReadParameters(source + IntPayload.ValueScales, scales);
            for (int i = 0; i < queryCount; i++)
            {
                nint row = (nint)i * Tokens;
                sums[i] = ScaleFolding.FoldTokens(x + row, scales, zeros, scaled + row, Tokens);
            }

            _packed.Multiply(scaled, queryCount, Tokens, source + _payload.ValueCodes(kvHead), channels, product, accumulate: false);
            for (int i = 0; i < queryCount; i++)
            {
                nint row = (nint)i * channels;
                ScaleFolding.FinishValues(product + row, source + _payload.ValueChannelScales(kvHead), sums[i], y + row, channels);
            }
        }
    }

    /// <summary>64 scales, and the 64 zeros after them.</summary>
    private static unsafe void ReadParameters(byte* source, float* destination) =>
        HalfConversion.ToSingle(new ReadOnlySpan<Half>(source, 2 * Tokens), new Span<float>(destination, 2 * Tokens));
}
