using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;
using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Codecs;

/// <summary>No compression: the payload is the open layer as it is, in 16-bit floats. Also the form of every Tail.</summary>
public sealed class RawCodec : KvCodec
{
    private const string PayloadFormat = "raw/1";
    private readonly PackedMultiply _packed;

    public RawCodec(KvGeometry geometry)
        : this(geometry, SimdPaths.Best)
    {
    }

    internal RawCodec(KvGeometry geometry, SimdPath path)
        : base(geometry)
    {
        AttentionGuard.RequireSupported(geometry);
        Fingerprint = CodecFingerprint.Of(PayloadFormat, Spec, geometry);
        _packed = PackedMultiply.Create(path, bitCount: 16);
    }

    public override string Spec => "raw";

    public override ulong Fingerprint { get; }

    private int HeadLength => KvGeometry.BlockTokenCount * Geometry.HeadSize;

    /// <summary>The codec fingerprint in the headers of Tail slabs.</summary>
    /// <param name="geometry">Of the model's KV.</param>
    /// <param name="saliency">When probe queries travel with the Tail, the rule that chose them.</param>
    public static ulong TailFingerprint(KvGeometry geometry, SaliencyRule? saliency = null) => saliency is null
        ? CodecFingerprint.Of("tail/1", "raw", geometry)
        : CodecFingerprint.Of("tail-probes/1", FormattableString.Invariant($"raw({saliency.ProbeFraction:R})"), geometry);

    /// <summary>Payload bytes of one layer of a Tail of <paramref name="tokenCount"/> tokens.</summary>
    public static int TailPayloadSizeBytes(KvGeometry geometry, int tokenCount) =>
        2 * sizeof(ushort) * tokenCount * geometry.ChannelCount;

    /// <summary>
    /// Writes the first <paramref name="tokenCount"/> tokens of an open layer as a Tail payload: per KV head K as
    /// [channel][tokenCount], then V as [tokenCount][channel].
    /// </summary>
    /// <returns>Bytes written: <see cref="TailPayloadSizeBytes"/>.</returns>
    public static int PackTail(KvGeometry geometry, ReadOnlySpan<Half> openLayer, int tokenCount, Span<byte> payload)
    {
        RequireTail(geometry, openLayer.Length, tokenCount);
        int size = TailPayloadSizeBytes(geometry, tokenCount);
        Span<Half> tail = MemoryMarshal.Cast<byte, Half>(payload[..size]);
        for (int row = 0; row < 2 * geometry.KvHeadCount; row += 2)
        {
            ReadOnlySpan<Half> keys = openLayer[(row * KvGeometry.BlockTokenCount * geometry.HeadSize)..];
            for (int channel = 0; channel < geometry.HeadSize; channel++)
            {
                keys.Slice(channel * KvGeometry.BlockTokenCount, tokenCount).CopyTo(tail);
                tail = tail[tokenCount..];
            }

            ReadOnlySpan<Half> values = keys[(KvGeometry.BlockTokenCount * geometry.HeadSize)..];
            values[..(tokenCount * geometry.HeadSize)].CopyTo(tail);
            tail = tail[(tokenCount * geometry.HeadSize)..];
        }

        return size;
    }

    /// <summary>Reads a Tail payload into an open layer, and clears the columns and rows after its tokens.</summary>
    /// <returns>False, with nothing written, when the payload is not of the size that <paramref name="tokenCount"/> asks for.</returns>
    public static bool UnpackTail(KvGeometry geometry, ReadOnlySpan<byte> payload, int tokenCount, Span<Half> openLayer)
    {
        RequireTail(geometry, openLayer.Length, tokenCount);
        if (payload.Length != TailPayloadSizeBytes(geometry, tokenCount))
        {
            return false;
        }

        openLayer[..geometry.OpenLayerLength].Clear();
        ReadOnlySpan<Half> tail = MemoryMarshal.Cast<byte, Half>(payload);
        for (int row = 0; row < 2 * geometry.KvHeadCount; row += 2)
        {
            Span<Half> keys = openLayer[(row * KvGeometry.BlockTokenCount * geometry.HeadSize)..];
            for (int channel = 0; channel < geometry.HeadSize; channel++)
            {
                tail[..tokenCount].CopyTo(keys[(channel * KvGeometry.BlockTokenCount)..]);
                tail = tail[tokenCount..];
            }

            tail[..(tokenCount * geometry.HeadSize)].CopyTo(keys[(KvGeometry.BlockTokenCount * geometry.HeadSize)..]);
            tail = tail[(tokenCount * geometry.HeadSize)..];
        }

        return true;
    }

    public override int MaxPayloadSizeBytes(int layer) => sizeof(ushort) * Geometry.OpenLayerLength;

    public override int Encode(int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency, Span<byte> payload)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(openLayer[..Geometry.OpenLayerLength]);
        bytes.CopyTo(payload);
        return bytes.Length;
    }

    public override bool IsWellFormed(int layer, ReadOnlySpan<byte> payload) => payload.Length == MaxPayloadSizeBytes(layer);

    public override void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> openLayer) =>
        HalfConversion.ToSingle(MemoryMarshal.Cast<byte, Half>(payload)[..Geometry.OpenLayerLength], openLayer);

    public override unsafe void Scores(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> queries, int queryCount, Span<float> scores)
    {
        AttentionGuard.RequireScores(Geometry, kvHead, queries.Length, queryCount, Geometry.HeadSize, scores.Length);
        fixed (byte* keys = payload.Slice(2 * kvHead * HeadLength * sizeof(ushort), HeadLength * sizeof(ushort)))
        fixed (float* x = queries, y = scores)
        {
            _packed.Multiply(
                x, Geometry.HeadSize, queryCount, Geometry.HeadSize, keys, KvGeometry.BlockTokenCount, y, KvGeometry.BlockTokenCount, accumulate: false);
        }
    }

    public override unsafe void AddValues(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> weights, int queryCount, Span<float> output)
    {
        AttentionGuard.RequireValues(Geometry, kvHead, weights.Length, queryCount, output.Length, Geometry.HeadSize);
        fixed (byte* values = payload.Slice(((2 * kvHead) + 1) * HeadLength * sizeof(ushort), HeadLength * sizeof(ushort)))
        fixed (float* x = weights, y = output)
        {
            _packed.Multiply(
                x, KvGeometry.BlockTokenCount, queryCount, KvGeometry.BlockTokenCount, values, Geometry.HeadSize, y, Geometry.HeadSize, accumulate: true);
        }
    }

    /// <summary>Like <see cref="Scores"/> of an open Block whose later tokens nobody may see; their scores are undefined.</summary>
    public unsafe void OpenScores(
        int kvHead, ReadOnlySpan<byte> payload, int tokenCount, ReadOnlySpan<float> queries, int queryCount, Span<float> scores)
    {
        if (queryCount > 1)
        {
            Scores(0, kvHead, payload, queries, queryCount, scores);
            return;
        }

        AttentionGuard.RequireScores(Geometry, kvHead, queries.Length, queryCount, Geometry.HeadSize, scores.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenCount, KvGeometry.BlockTokenCount);
        fixed (byte* keys = payload.Slice(2 * kvHead * HeadLength * sizeof(ushort), HeadLength * sizeof(ushort)))
        fixed (float* x = queries, y = scores)
        {
            _packed.MultiplyFirst(x, Geometry.HeadSize, keys, KvGeometry.BlockTokenCount, tokenCount, y);
        }
    }

    /// <summary>Like <see cref="AddValues"/> with weights of 0 from <paramref name="tokenCount"/> on.</summary>
    public unsafe void AddOpenValues(
        int kvHead, ReadOnlySpan<byte> payload, int tokenCount, ReadOnlySpan<float> weights, int queryCount, Span<float> output)
    {
        AttentionGuard.RequireValues(Geometry, kvHead, weights.Length, queryCount, output.Length, Geometry.HeadSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenCount, KvGeometry.BlockTokenCount);
        fixed (byte* values = payload.Slice(((2 * kvHead) + 1) * HeadLength * sizeof(ushort), HeadLength * sizeof(ushort)))
        fixed (float* x = weights, y = output)
        {
            _packed.Multiply(x, KvGeometry.BlockTokenCount, queryCount, tokenCount, values, Geometry.HeadSize, y, Geometry.HeadSize, accumulate: true);
        }
    }

    private static void RequireTail(KvGeometry geometry, int openLayerLength, int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokenCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenCount, KvGeometry.BlockTokenCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(openLayerLength, geometry.OpenLayerLength);
    }
}
