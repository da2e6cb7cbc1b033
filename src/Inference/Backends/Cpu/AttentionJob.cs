using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Attention of the new tokens: to all earlier Blocks in encoded form, to their own Block in 16 bits. A task is one or more KV heads and
/// one tile of tokens (all their query heads); the context is never split, so results do not depend on threads.
/// </summary>
internal sealed unsafe class AttentionJob : ParallelJob, IDisposable
{
    /// <summary>So few queries wait for memory, where more are busy with what they have.</summary>
    private const int LoneQueryCount = 4;

    private readonly StepPlan _plan;
    private readonly Activations _activations;
    private readonly KvCodec _codec;
    private readonly RawCodec _openCodec;
    private readonly AppendJob _append;
    private readonly HeadTasks _heads;
    private readonly int _group;
    private readonly float _epsilon;
    private readonly float _queryScale;
    private readonly AttentionScratch[] _scratch;
    private CpuLayerWeights? _weights;
    private int _layer;

    public AttentionJob(
        StepPlan plan, Activations activations, CpuModelRunner runner, RawCodec openCodec, AppendJob append, HeadTasks heads, int workerCount)
    {
        _append = append;
        _heads = heads;
        _plan = plan;
        _activations = activations;
        _codec = runner.Codec;
        _openCodec = openCodec;
        _group = runner.Config.HeadCount / runner.Config.KvHeadCount;
        _epsilon = runner.Config.RmsNormEpsilon;
        _queryScale = VectorMath.Log2E / MathF.Sqrt(runner.Config.HeadSize);
        _scratch = [.. Enumerable.Range(0, workerCount).Select(_ => new AttentionScratch())];
    }

    private KvGeometry Geometry => _codec.Geometry;

    public void Run(ComputePool pool, int layer, CpuLayerWeights weights)
    {
        _layer = layer;
        _weights = weights;
        pool.Run(this, _plan.Tiles.Length * _heads.OfLayer(layer).Length);
    }

    public override void Execute(int task, int worker)
    {
        int[][] tasks = _heads.OfLayer(_layer);
        AttentionTile tile = _plan.Tiles[task / tasks.Length];
        int[] kvHeads = tasks[task % tasks.Length];
        ref readonly StepSegment segment = ref _plan.Segments[tile.Segment];
        AttentionScratch scratch = _scratch[worker];
        int queryCount = tile.TokenCount * _group;
        int encodedCount = Math.Min(segment.BlockIndex, segment.Cache.FirstDeferredBlock);
        if (encodedCount > 0 && queryCount <= LoneQueryCount)
        {
            _codec.PrefetchKeys(_layer, kvHeads[0], segment.Cache.BlockList[0].Payload(_layer));
        }

        scratch.Begin(kvHeads.Length * queryCount, Geometry.HeadSize);
        for (int i = 0; i < kvHeads.Length; i++)
        {
            if (segment.AppendsInAttention)
            {
                _append.Prefetch(tile.Segment, kvHeads[i]);
            }

            LoadQueries(segment.FirstRow + tile.FirstToken, tile.TokenCount, kvHeads[i], scratch.QueryPointer + (i * queryCount * Geometry.HeadSize));
        }

        if (_codec.IsProjected && encodedCount > 0)
        {
            AttendProjected(segment, encodedCount, kvHeads, scratch);
        }
        else
        {
            // Stored head by head, so a task has one.
            AttendBlocks(_codec, segment, 0, encodedCount, kvHeads[0], scratch, 0, scratch.QueryCount);
        }

        for (int i = 0; i < kvHeads.Length; i++)
        {
            AttendBlocks(_openCodec, segment, encodedCount, segment.BlockIndex, kvHeads[i], scratch, i * queryCount, queryCount);
            if (segment.AppendsInAttention)
            {
                _append.Append(tile.Segment, kvHeads[i], worker);
            }

            AttendOwnBlock(segment, tile, kvHeads[i], scratch, i * queryCount, queryCount);
        }

        scratch.Normalise();
        for (int i = 0; i < kvHeads.Length; i++)
        {
            StoreOutput(segment.FirstRow + tile.FirstToken, tile.TokenCount, kvHeads[i], scratch.Output[(i * queryCount * Geometry.HeadSize)..]);
        }
    }

    public void Dispose()
    {
        foreach (AttentionScratch scratch in _scratch)
        {
            scratch.Dispose();
        }
    }

    private void LoadQueries(int firstRow, int tokenCount, int kvHead, float* query)
    {
        int size = Geometry.HeadSize;
        for (int row = firstRow; row < firstRow + tokenCount; row++)
        {
            float* heads = _activations.QueryKeyValue + ((long)row * _activations.QueryKeyValueStride) + (kvHead * _group * size);
            for (int g = 0; g < _group; g++)
            {
                HeadRotation.Rotate(heads + (g * size), _weights!.QueryNorm, _epsilon, _activations, row, query);
                RowMath.Scale(query, _queryScale, size);
                query += size;
            }
        }
    }

    /// <summary>Some queries attend to Blocks of one head in the model's own channels.</summary>
    private void AttendBlocks(
        KvCodec codec, in StepSegment segment, int firstBlock, int endBlock, int kvHead, AttentionScratch scratch, int firstQuery, int queryCount)
    {
        int size = Geometry.HeadSize;
        ReadOnlySpan<float> queries = scratch.Queries.Slice(firstQuery * size, queryCount * size);
        Span<float> output = scratch.Output.Slice(firstQuery * size, queryCount * size);
        AttendBlocks(codec, segment, firstBlock, endBlock, kvHead, scratch, firstQuery, queries, queryCount, output, size, queryCount <= LoneQueryCount);
    }

    /// <summary>Queries are projected once, and what all encoded Blocks gave is mapped back once, before those in 16 bits add to it.</summary>
    private void AttendProjected(in StepSegment segment, int encodedCount, int[] kvHeads, AttentionScratch scratch)
    {
        int queryWidth = _codec.QueryWidth(_layer, kvHeads[0]);
        int outputWidth = _codec.OutputWidth(_layer, kvHeads[0]);
        int count = scratch.QueryCount / kvHeads.Length;
        int length = count * Geometry.HeadSize;
        scratch.BeginProjected(queryWidth, outputWidth);
        for (int i = 0; i < kvHeads.Length; i++)
        {
            _codec.ProjectQueries(_layer, kvHeads[i], scratch.Queries.Slice(i * length, length), count, scratch.Projected[(i * count * queryWidth)..]);
        }

        AttendBlocks(
            _codec, segment, 0, encodedCount, kvHeads[0], scratch, 0, scratch.Projected, scratch.QueryCount, scratch.Gathered, outputWidth, count <= LoneQueryCount);
        for (int i = 0; i < kvHeads.Length; i++)
        {
            _codec.ExpandOutput(_layer, kvHeads[i], scratch.Gathered[(i * count * outputWidth)..], count, scratch.Output.Slice(i * length, length));
        }
    }

    /// <summary>Scores, softmax and values of one Block after the other; the bytes of the next come meanwhile where queries are few.</summary>
    private void AttendBlocks(
        KvCodec codec,
        in StepSegment segment,
        int firstBlock,
        int endBlock,
        int kvHead,
        AttentionScratch scratch,
        int firstQuery,
        ReadOnlySpan<float> queries,
        int queryCount,
        Span<float> gathered,
        int width,
        bool isLone)
    {
        Span<float> scores = scratch.Scores.Slice(firstQuery * KvGeometry.BlockTokenCount, queryCount * KvGeometry.BlockTokenCount);
        ReadOnlySpan<byte> next = firstBlock < endBlock ? segment.Cache.BlockList[firstBlock].Payload(_layer) : default;
        for (int i = firstBlock; i < endBlock; i++)
        {
            ReadOnlySpan<byte> payload = next;
            if (isLone)
            {
                codec.PrefetchValues(_layer, kvHead, payload);
            }

            codec.Scores(_layer, kvHead, payload, queries, queryCount, scores);
            scratch.UpdateSoftmax(firstQuery, gathered, width);
            if (i + 1 < endBlock)
            {
                next = segment.Cache.BlockList[i + 1].Payload(_layer);
                if (isLone)
                {
                    codec.PrefetchKeys(_layer, kvHead, next);
                }
            }

            codec.AddValues(_layer, kvHead, payload, scores, queryCount, gathered);
        }
    }

    private void AttendOwnBlock(in StepSegment segment, AttentionTile tile, int kvHead, AttentionScratch scratch, int firstQuery, int queryCount)
    {
        int size = Geometry.HeadSize;
        Span<Half> open = segment.Slot < 0 ? segment.Cache.OpenLayer(_layer) : _activations.Slot(segment.Slot);
        ReadOnlySpan<byte> payload = MemoryMarshal.AsBytes(open);
        int tokenCount = segment.FirstColumn + tile.FirstToken + tile.TokenCount;
        Span<float> scores = scratch.Scores.Slice(firstQuery * KvGeometry.BlockTokenCount, queryCount * KvGeometry.BlockTokenCount);
        Span<float> output = scratch.Output.Slice(firstQuery * size, queryCount * size);
        _openCodec.OpenScores(kvHead, payload, tokenCount, scratch.Queries.Slice(firstQuery * size, queryCount * size), queryCount, scores);
        for (int query = 0; query < queryCount; query++)
        {
            int visibleCount = segment.FirstColumn + tile.FirstToken + (query / _group) + 1;
            scores.Slice((query * KvGeometry.BlockTokenCount) + visibleCount, KvGeometry.BlockTokenCount - visibleCount).Fill(float.NegativeInfinity);
        }

        scratch.UpdateSoftmax(firstQuery, output, size);
        _openCodec.AddOpenValues(kvHead, payload, tokenCount, scores, queryCount, output);
    }

    private void StoreOutput(int firstRow, int tokenCount, int kvHead, ReadOnlySpan<float> output)
    {
        int width = _group * Geometry.HeadSize;
        for (int token = 0; token < tokenCount; token++)
        {
            float* row = _activations.Attended + ((long)(firstRow + token) * _activations.QueryWidth) + (kvHead * width);
            output.Slice(token * width, width).CopyTo(new Span<float>(row, width));
        }
    }
}
