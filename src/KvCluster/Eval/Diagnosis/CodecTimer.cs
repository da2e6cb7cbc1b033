using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Measures <see cref="CodecTiming"/> on Blocks of a real prompt. Each Block of the context has memory of its own, as in a cache.</summary>
internal sealed class CodecTimer : IDisposable
{
    private const int ContextBlockCount = SpecResult.ReferencePromptTokens / KvGeometry.BlockTokenCount;
    private const int EncodedBlockCount = 8;
    private const int RoundCount = 7;
    private readonly ContrastCodec _contrast;
    private readonly KvCodec _codec;
    private readonly IReadOnlyList<KvBlock> _blocks;
    private readonly float[][] _queries; // [layer · KV heads + head] of one token
    private readonly SlabLease[][] _rawContext;
    private readonly SlabLease[][] _codecContext;
    private readonly EncodedAttention _rawAttention;
    private readonly EncodedAttention _codecAttention;
    private readonly int[][][] _rawHeadSets; // by layer
    private readonly int[][][] _codecHeadSets;
    private readonly float[] _together;
    private readonly float[] _output;

    public CodecTimer(ContrastCodec contrast, RawCodec raw, KvCodec codec, CapturedAttention attention)
    {
        _contrast = contrast;
        _codec = codec;
        _blocks = attention.Blocks;
        KvGeometry geometry = codec.Geometry;
        _queries = [.. attention.Queries.GroupBy(query => (query.Layer, query.KvHead)).Select(group => group.First().Rows[..geometry.HeadSize])];
        _together = new float[geometry.KvHeadCount * geometry.HeadSize];
        _output = new float[_together.Length];
        _rawHeadSets = HeadSets(raw);
        _codecHeadSets = HeadSets(codec);
        _rawContext = Context(raw, contrast.RawPayload);
        _codecContext = Context(codec, contrast.OtherPayload);
        _rawAttention = new EncodedAttention(raw);
        _codecAttention = new EncodedAttention(codec);
    }

    private delegate ReadOnlySpan<byte> PartOf(ReadOnlySpan<byte> payload);

    private int LayerCount => _codec.Geometry.LayerCount;

    public CodecTiming Measure(CancellationToken cancellationToken)
    {
        var encode = new List<double>();
        var attention = new List<double>();
        var rawAttention = new List<double>();
        // The first round meets code that is not compiled yet.
        for (int round = 0; round <= RoundCount; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double encoded = Time(Encode) / (Math.Min(EncodedBlockCount, _blocks.Count) * KvGeometry.BlockTokenCount);
            double rawAttended = Time(() => Attend(_rawAttention, _rawHeadSets, _rawContext));
            double attended = Time(() => Attend(_codecAttention, _codecHeadSets, _codecContext));
            if (round > 0)
            {
                encode.Add(encoded);
                rawAttention.Add(rawAttended);
                attention.Add(attended);
            }
        }

        return new CodecTiming
        {
            ContextTokenCount = ContextBlockCount * KvGeometry.BlockTokenCount,
            EncodeMicrosecondsPerToken = Median(encode),
            AttentionMicroseconds = Median(attention),
            RawAttentionMicroseconds = Median(rawAttention),
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

    /// <summary>Heads that are stored together attend together, as with one worker of the engine.</summary>
    private void Attend(EncodedAttention attention, int[][][] headSets, SlabLease[][] context)
    {
        int size = _codec.Geometry.HeadSize;
        for (int layer = 0; layer < LayerCount; layer++)
        {
            int at = layer;
            foreach (int[] heads in headSets[layer])
            {
                int length = heads.Length * size;
                for (int i = 0; i < heads.Length; i++)
                {
                    _queries[(layer * _codec.Geometry.KvHeadCount) + heads[i]].CopyTo(_together.AsSpan(i * size));
                }

                attention.Attend(layer, heads, context.Length, block => context[block][at].Span, _together.AsSpan(0, length), _output.AsSpan(0, length));
            }
        }
    }

    private static int[][][] HeadSets(KvCodec codec) =>
        [.. Enumerable.Range(0, codec.Geometry.LayerCount).Select(layer => codec.HeadSets(layer).Select(heads => heads.ToArray()).ToArray())];

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
