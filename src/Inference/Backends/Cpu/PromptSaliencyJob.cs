using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Saliency of a whole prompt's tokens in one layer (ZipCache, arXiv 2405.14256, algorithm 1): probe rows, the question among them, attend to all that
/// they see, in the form in which the prompt attended to it. A task is one KV head.
/// </summary>
internal sealed unsafe class PromptSaliencyJob : ParallelJob, IDisposable
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>Probes whose scores over the whole context a worker holds at once.</summary>
    private const int TileProbeCount = 8;

    private readonly ModelConfig _config;
    private readonly KvCodec _codec;
    private readonly RawCodec _openCodec;
    private readonly int _group;
    private readonly float _queryScale;
    private readonly Scratch[] _scratch;
    private readonly AlignedBuffer<float> _sums = new();
    private SequenceCache? _cache;
    private int _layer;
    private int _length;

    public PromptSaliencyJob(ModelConfig config, KvCodec codec, RawCodec openCodec, int workerCount)
    {
        _config = config;
        _codec = codec;
        _openCodec = openCodec;
        _group = config.HeadCount / config.KvHeadCount;
        _queryScale = VectorMath.Log2E / MathF.Sqrt(config.HeadSize);
        _scratch = [.. Enumerable.Range(0, workerCount).Select(_ => new Scratch())];
    }

    /// <returns>By token of all Blocks, then of the open one; valid until the next call.</returns>
    public ReadOnlySpan<float> Run(ComputePool pool, SequenceCache cache, int layer)
    {
        _cache = cache;
        _layer = layer;
        _length = (cache.BlockList.Count + 1) * Tokens;
        float* sums = _sums.Reserve(_config.KvHeadCount * _length);
        new Span<float>(sums, _config.KvHeadCount * _length).Clear();
        pool.Run(this, _config.KvHeadCount);
        for (int kvHead = 1; kvHead < _config.KvHeadCount; kvHead++)
        {
            for (int token = 0; token < _length; token++)
            {
                sums[token] += sums[(kvHead * _length) + token];
            }
        }

        var saliency = new Span<float>(sums, _length);
        SaliencySums.Normalise(saliency[..cache.TokenCount], cache.Probes!.PromptRows, cache.TokenCount, _codec.Saliency!.Norm);
        return saliency;
    }

    public override void Execute(int task, int worker)
    {
        int[] rows = _cache!.Probes!.PromptRows;
        Scratch scratch = _scratch[worker];
        for (int first = 0; first < rows.Length; first += TileProbeCount)
        {
            int count = Math.Min(TileProbeCount, rows.Length - first);
            float* queries = LoadQueries(scratch, first, count, task);
            float* scores = scratch.Scores.Reserve(count * _group * _length);
            Score(scratch, task, queries, count * _group, scores);
            for (int i = 0; i < count * _group; i++)
            {
                ProbeSoftmax.Add(scores + ((long)i * _length), rows[first + (i / _group)] + 1, _length, _sums.Pointer + ((long)task * _length));
            }
        }
    }

    public void Dispose()
    {
        _sums.Dispose();
        foreach (Scratch scratch in _scratch)
        {
            scratch.Dispose();
        }
    }

    private float* LoadQueries(Scratch scratch, int first, int count, int kvHead)
    {
        int width = _group * _config.HeadSize;
        float* queries = scratch.Queries.Reserve(count * width);
        for (int probe = 0; probe < count; probe++)
        {
            ReadOnlySpan<Half> source = _cache!.Probes!.Prompt(_layer, first + probe).Slice(kvHead * width, width);
            HalfConversion.ToSingle(source, new Span<float>(queries + (probe * width), width));
        }

        RowMath.Scale(queries, _queryScale, count * width);
        return queries;
    }

    /// <summary>scores[queries][all tokens].</summary>
    private void Score(Scratch scratch, int kvHead, float* queries, int queryCount, float* scores)
    {
        SequenceCache cache = _cache!;
        var plain = new ReadOnlySpan<float>(queries, queryCount * _config.HeadSize);
        ReadOnlySpan<float> projected = plain;
        if (_codec.IsProjected && cache.FirstDeferredBlock > 0)
        {
            int length = queryCount * _codec.QueryWidth(_layer, kvHead);
            var target = new Span<float>(scratch.Projected.Reserve(length), length);
            _codec.ProjectQueries(_layer, kvHead, plain, queryCount, target);
            projected = target;
        }

        var block = new Span<float>(scratch.Block.Reserve(queryCount * Tokens), queryCount * Tokens);
        for (int i = 0; i <= cache.BlockList.Count; i++)
        {
            if (i < cache.FirstDeferredBlock && i < cache.BlockList.Count)
            {
                _codec.Scores(_layer, kvHead, cache.BlockList[i].Payload(_layer), projected, queryCount, block);
            }
            else
            {
                ReadOnlySpan<byte> payload = i < cache.BlockList.Count ? cache.BlockList[i].Payload(_layer) : MemoryMarshal.AsBytes(cache.OpenLayer(_layer));
                _openCodec.Scores(_layer, kvHead, payload, plain, queryCount, block);
            }

            for (int query = 0; query < queryCount; query++)
            {
                block.Slice(query * Tokens, Tokens).CopyTo(new Span<float>(scores + ((long)query * _length) + (i * Tokens), Tokens));
            }
        }
    }

    private sealed class Scratch : IDisposable
    {
        public AlignedBuffer<float> Queries { get; } = new();

        public AlignedBuffer<float> Projected { get; } = new();

        public AlignedBuffer<float> Block { get; } = new();

        public AlignedBuffer<float> Scores { get; } = new();

        public void Dispose()
        {
            Queries.Dispose();
            Projected.Dispose();
            Block.Dispose();
            Scores.Dispose();
        }
    }
}
