using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>
/// <c>raw</c> for the model that runs on it, which also encodes every Block with another codec and keeps the queries that attend: so the two can be
/// compared on the same Q, K, V and saliency.
/// </summary>
/// <remarks>Payload: the number of the Block in order of encoding (64 bytes), saliency (256), the raw payload, the other's.</remarks>
internal sealed class ContrastCodec(RawCodec raw, KvCodec other) : KvCodec(raw.Geometry)
{
    private const int SaliencyOffset = 64;
    private const int RawOffset = SaliencyOffset + (sizeof(float) * KvGeometry.BlockTokenCount);
    private readonly int[] _encodedCounts = new int[raw.Geometry.LayerCount];

    public override string Spec => raw.Spec;

    public override ulong Fingerprint => raw.Fingerprint ^ ulong.RotateLeft(other.Fingerprint, 1);

    public override SaliencyRule? Saliency => other.Saliency;

    /// <summary>Hears the queries of every call of <see cref="Scores"/> on the Block encoded first; from many threads.</summary>
    public Action<CapturedQueries>? OnQueries { get; set; }

    private int RawSize => Geometry.OpenLayerLength * sizeof(ushort);

    /// <summary>By token, as <see cref="Encode"/> was given it; zeros when the other has no use for it.</summary>
    public static ReadOnlySpan<float> SaliencyOf(ReadOnlySpan<byte> payload) => MemoryMarshal.Cast<byte, float>(payload[SaliencyOffset..RawOffset]);

    /// <summary>Begins a new Sequence: its first Block will be number 0 again.</summary>
    public void Restart() => Array.Clear(_encodedCounts);

    public ReadOnlySpan<byte> RawPayload(ReadOnlySpan<byte> payload) => payload.Slice(RawOffset, RawSize);

    public ReadOnlySpan<Half> OpenLayer(ReadOnlySpan<byte> payload) => MemoryMarshal.Cast<byte, Half>(RawPayload(payload));

    public ReadOnlySpan<byte> OtherPayload(ReadOnlySpan<byte> payload) => payload[(RawOffset + RawSize)..];

    public override int MaxPayloadSizeBytes(int layer) => RawOffset + RawSize + other.MaxPayloadSizeBytes(layer);

    public override int Encode(int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency, Span<byte> payload)
    {
        payload[..RawOffset].Clear();
        MemoryMarshal.Write(payload, Interlocked.Increment(ref _encodedCounts[layer]) - 1);
        if (Saliency is not null)
        {
            saliency[..KvGeometry.BlockTokenCount].CopyTo(MemoryMarshal.Cast<byte, float>(payload[SaliencyOffset..RawOffset]));
        }

        int size = raw.Encode(layer, openLayer, default, payload.Slice(RawOffset, RawSize));
        return RawOffset + size + other.Encode(layer, openLayer, saliency, payload[(RawOffset + RawSize)..]);
    }

    public override bool IsWellFormed(int layer, ReadOnlySpan<byte> payload) =>
        payload.Length >= RawOffset + RawSize && other.IsWellFormed(layer, OtherPayload(payload));

    public override void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> openLayer) => raw.Decode(layer, RawPayload(payload), openLayer);

    public override void Scores(int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> queries, int queryCount, Span<float> scores)
    {
        if (OnQueries is { } hear && MemoryMarshal.Read<int>(payload) == 0)
        {
            hear(new CapturedQueries(layer, kvHead, queries[..(queryCount * Geometry.HeadSize)].ToArray()));
        }

        raw.Scores(layer, kvHead, RawPayload(payload), queries, queryCount, scores);
    }

    public override void AddValues(int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> weights, int queryCount, Span<float> output) =>
        raw.AddValues(layer, kvHead, RawPayload(payload), weights, queryCount, output);
}
