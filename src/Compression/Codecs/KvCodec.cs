using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// Turns one layer of a full Block into the payload of a slab and back, and lets attention run on the payload.
/// </summary>
/// <remarks>
/// An <b>open layer</b> is how K and V stand before encoding: 16-bit floats, per KV head K as [channel][64 tokens], then V as
/// [64 tokens][channel]; columns past the last token are zero. It is also the payload of <c>raw</c>.
/// Results must not depend on how many queries are in a call: score (query, token) is one chain of fused multiply-adds
/// over channels in ascending order, so decode (one query) and prefill (many) give the same bits.
/// Instances are immutable and safe to use from many threads.
/// </remarks>
public abstract class KvCodec(KvGeometry geometry)
{
    /// <summary>The canonical spec string, e.g. <c>int4</c>.</summary>
    public abstract string Spec { get; }

    /// <summary>Identifies everything that decides the bytes of a payload: spec, parameters, profile, geometry.</summary>
    public abstract ulong Fingerprint { get; }

    public KvGeometry Geometry { get; } = geometry;

    /// <summary>Most bytes that <see cref="Encode"/> writes for a layer.</summary>
    public abstract int MaxPayloadSizeBytes(int layer);

    /// <summary>How to measure what each token matters, when <see cref="Encode"/> wants to know; else null.</summary>
    public virtual SaliencyRule? Saliency => null;

    /// <summary>Where the payloads of a layer have what; null for codecs whose payloads only they can read.</summary>
    public virtual PayloadTable? Table(int layer) => null;

    /// <summary>Encodes a full open layer (<see cref="KvGeometry.OpenLayerLength"/> finite values).</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="openLayer">K and V.</param>
    /// <param name="saliency">By token, 64, when there is a rule for <see cref="Saliency"/>; else ignored.</param>
    /// <param name="payload">At least <see cref="MaxPayloadSizeBytes"/>.</param>
    /// <returns>Bytes written to <paramref name="payload"/>.</returns>
    public abstract int Encode(int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency, Span<byte> payload);

    /// <summary>Whether a payload of verified checksum also has the structure that this codec reads.</summary>
    public abstract bool IsWellFormed(int layer, ReadOnlySpan<byte> payload);

    /// <summary>Decodes to an open layer in 32 bits; the plain way, for oracles and inspection.</summary>
    public abstract void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> openLayer);

    /// <summary>Whether attention runs on projected channels, so that queries and outputs have other widths than the head size.</summary>
    public virtual bool IsProjected => false;

    /// <summary>
    /// KV heads that are stored together in a layer, each head in one set. The queries of a set have one width and may be stacked: a call for its first
    /// head serves them all, and unpacks what is stored once.
    /// </summary>
    public virtual IReadOnlyList<IReadOnlyList<int>> HeadSets(int layer) => [.. Enumerable.Range(0, Geometry.KvHeadCount).Select(head => new[] { head })];

    /// <summary>Floats of a query as <see cref="Scores"/> reads it.</summary>
    public virtual int QueryWidth(int layer, int kvHead) => Geometry.HeadSize;

    /// <summary>Floats of an output as <see cref="AddValues"/> adds to it; at first all zero.</summary>
    public virtual int OutputWidth(int layer, int kvHead) => Geometry.HeadSize;

    /// <summary>queries [queryCount][HeadSize] to projected [queryCount][QueryWidth], once for all Blocks. Only when <see cref="IsProjected"/>.</summary>
    public virtual void ProjectQueries(int layer, int kvHead, ReadOnlySpan<float> queries, int queryCount, Span<float> projected) =>
        throw new NotSupportedException($"'{Spec}' does not project queries.");

    /// <summary>
    /// What <see cref="AddValues"/> gathered, [queryCount][OutputWidth], to output [queryCount][HeadSize], overwritten. Linear, so a caller may scale
    /// rows of what was gathered in between. Only when <see cref="IsProjected"/>.
    /// </summary>
    public virtual void ExpandOutput(int layer, int kvHead, ReadOnlySpan<float> gathered, int queryCount, Span<float> output) =>
        throw new NotSupportedException($"'{Spec}' does not project values.");

    /// <summary>
    /// Dot products of queries with the 64 keys of one head: queries [queryCount][QueryWidth], scores [queryCount][64], overwritten.
    /// The softmax scale is the caller's, in the queries.
    /// </summary>
    public abstract void Scores(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> queries, int queryCount, Span<float> scores);

    /// <summary>Asks for the bytes that <see cref="Scores"/> will read, where a lone query would wait for them. Changes no result.</summary>
    public virtual void PrefetchKeys(int layer, int kvHead, ReadOnlySpan<byte> payload)
    {
    }

    /// <summary>Asks for the bytes that <see cref="AddValues"/> will read.</summary>
    public virtual void PrefetchValues(int layer, int kvHead, ReadOnlySpan<byte> payload)
    {
    }

    /// <summary>
    /// Adds weights [queryCount][64] times the values of one head to output [queryCount][OutputWidth].
    /// </summary>
    public abstract void AddValues(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> weights, int queryCount, Span<float> output);
}
