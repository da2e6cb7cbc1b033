using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>
/// Measures <see cref="CodecTiming"/> on Blocks of a real prompt. Each Block of the context has memory of its own, as in a cache, and attention runs on
/// all cores, as in the engine: they share the memory's speed.
/// </summary>
internal sealed class CodecTimer : IDisposable
{
    private const int ContextBlockCount = SpecResult.ReferencePromptTokens / KvGeometry.BlockTokenCount;
    private const int EncodedBlockCount = 8;
    private const int RoundCount = 25;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private readonly ContrastCodec _contrast;
    private readonly KvCodec _codec;
    private readonly IReadOnlyList<KvBlock> _blocks;
    private readonly SlabLease[][] _rawContext;
    private readonly SlabLease[][] _codecContext;
    private readonly TimedAttention _rawAttention;
    private readonly TimedAttention _codecAttention;

    public CodecTimer(ContrastCodec contrast, RawCodec raw, KvCodec codec, CapturedAttention attention)
    {
        _contrast = contrast;
        _codec = codec;
        _blocks = attention.Blocks;
        float[][] queries =
            [.. attention.Queries.GroupBy(query => (query.Layer, query.KvHead)).Select(group => group.First().Rows[..codec.Geometry.HeadSize])];
        _rawContext = Context(raw, contrast.RawPayload);
        _codecContext = Context(codec, contrast.OtherPayload);
        _rawAttention = new TimedAttention(raw, queries, _rawContext);
        _codecAttention = new TimedAttention(codec, queries, _codecContext);
    }

    private delegate ReadOnlySpan<byte> PartOf(ReadOnlySpan<byte> payload);

    private int LayerCount => _codec.Geometry.LayerCount;

    public CodecTiming Measure(CancellationToken cancellationToken)
    {
        var encode = new List<double>();
        var attention = new List<double>();
        var rawAttention = new List<double>();
        var ratio = new List<double>();
        // Code is compiled for good only after it ran for a while.
        long start = Stopwatch.GetTimestamp();
        while (rawAttention.Count < RoundCount)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double encoded = Time(Encode) / (Math.Min(EncodedBlockCount, _blocks.Count) * KvGeometry.BlockTokenCount);
            double rawAttended = Time(_rawAttention.Run);
            double attended = Time(_codecAttention.Run);
            if (Stopwatch.GetElapsedTime(start) > WarmUp)
            {
                encode.Add(encoded);
                rawAttention.Add(rawAttended);
                attention.Add(attended);
                ratio.Add(attended / rawAttended);
            }
        }

        return new CodecTiming
        {
            ContextTokenCount = ContextBlockCount * KvGeometry.BlockTokenCount,
            EncodeMicrosecondsPerToken = Median(encode),
            AttentionMicroseconds = Median(attention),
            RawAttentionMicroseconds = Median(rawAttention),
            AttentionTimeOfRaw = Median(ratio),
        };
    }

    public void Dispose()
    {
        foreach (SlabLease lease in _rawContext.Concat(_codecContext).SelectMany(block => block))
        {
            lease.Dispose();
        }
    }

    private void Encode()
    {
        for (int i = 0; i < Math.Min(EncodedBlockCount, _blocks.Count); i++)
        {
            for (int layer = 0; layer < LayerCount; layer++)
            {
                ReadOnlySpan<byte> payload = _blocks[i].Payload(layer);
                _codec.Encode(layer, _contrast.OpenLayer(payload), ContrastCodec.SaliencyOf(payload), _codecContext[i][layer].Span);
            }
        }
    }

    private SlabLease[][] Context(KvCodec codec, PartOf part) =>
        [.. Enumerable.Range(0, ContextBlockCount).Select(i => Enumerable.Range(0, LayerCount).Select(layer =>
        {
            ReadOnlySpan<byte> payload = part(_blocks[i % _blocks.Count].Payload(layer));
            SlabLease lease = SlabPool.Shared.Rent(Math.Max(payload.Length, codec.MaxPayloadSizeBytes(layer)));
            payload.CopyTo(lease.Span);
            return lease;
        }).ToArray())];

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
