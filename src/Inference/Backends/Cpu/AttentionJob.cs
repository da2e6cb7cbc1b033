using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Attention of the new tokens: to all earlier Blocks in encoded form, to their own Block in 16 bits. A task is one KV head and
/// one tile of queries (all query heads of the group); the context is never split, so results do not depend on threads.
/// </summary>
internal sealed unsafe class AttentionJob : ParallelJob, IDisposable
{
    private readonly StepPlan _plan;
    private readonly Activations _activations;
    private readonly KvCodec _codec;
    private readonly RawCodec _openCodec;
    private readonly AppendJob _append;
    private readonly int _group;
    private readonly float _epsilon;
    private readonly float _queryScale;
    private readonly AttentionScratch[] _scratch;
    private CpuLayerWeights? _weights;
    private int _layer;

    public AttentionJob(StepPlan plan, Activations activations, CpuModelRunner runner, RawCodec openCodec, AppendJob append, int workerCount)
    {
        _append = append;
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
        pool.Run(this, _plan.Tiles.Length * Geometry.KvHeadCount);
    }

    public override void Execute(int task, int worker)
    {
        AttentionTile tile = _plan.Tiles[task / Geometry.KvHeadCount];
        int kvHead = task % Geometry.KvHeadCount;
        ref readonly StepSegment segment = ref _plan.Segments[tile.Segment];
        if (segment.AppendsInAttention)
        {
            _append.Append(tile.Segment, kvHead, worker);
        }

        AttentionScratch scratch = _scratch[worker];
        scratch.Begin(tile.TokenCount * _group, Geometry.HeadSize);
        LoadQueries(segment.FirstRow + tile.FirstToken, tile.TokenCount, kvHead, scratch);
        int encodedCount = Math.Min(segment.BlockIndex, segment.Cache.FirstDeferredBlock);
        if (_codec.IsProjected && encodedCount > 0)
        {
            AttendProjected(segment, encodedCount, kvHead, scratch);
        }
        else
        {
            AttendBlocks(_codec, segment, 0, encodedCount, kvHead, scratch, scratch.Queries, scratch.Output);
        }

        AttendBlocks(_openCodec, segment, encodedCount, segment.BlockIndex, kvHead, scratch, scratch.Queries, scratch.Output);

        AttendOwnBlock(segment, tile, kvHead, scratch);
        StoreOutput(segment.FirstRow + tile.FirstToken, tile.TokenCount, kvHead, scratch);
    }

    public void Dispose()
    {
        foreach (AttentionScratch scratch in _scratch)
        {
            scratch.Dispose();
        }
    }

    private void LoadQueries(int firstRow, int tokenCount, int kvHead, AttentionScratch scratch)
    {
        int size = Geometry.HeadSize;
        float* query = scratch.QueryPointer;
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

    private void AttendBlocks(
        KvCodec codec, in StepSegment segment, int first, int end, int kvHead, AttentionScratch scratch, ReadOnlySpan<float> queries, Span<float> output)
    {
        for (int i = first; i < end; i++)
        {
            ReadOnlySpan<byte> payload = segment.Cache.BlockList[i].Payload(_layer);
            codec.Scores(_layer, kvHead, payload, queries, scratch.QueryCount, scratch.Scores);
            scratch.UpdateSoftmax(output);
            codec.AddValues(_layer, kvHead, payload, scratch.Scores, scratch.QueryCount, output);
        }
    }

    /// <summary>Queries are projected once, and what all encoded Blocks gave is mapped back once, before those in 16 bits add to it.</summary>
    private void AttendProjected(in StepSegment segment, int encodedCount, int kvHead, AttentionScratch scratch)
    {
        scratch.BeginProjected(_codec.QueryWidth(_layer, kvHead), _codec.OutputWidth(_layer, kvHead));
        _codec.ProjectQueries(_layer, kvHead, scratch.Queries, scratch.QueryCount, scratch.Projected);
        AttendBlocks(_codec, segment, 0, encodedCount, kvHead, scratch, scratch.Projected, scratch.Gathered);
        _codec.ExpandOutput(_layer, kvHead, scratch.Gathered, scratch.QueryCount, scratch.Output);
    }

    private void AttendOwnBlock(in StepSegment segment, AttentionTile tile, int kvHead, AttentionScratch scratch)
    {
        Span<Half> open = segment.Slot < 0 ? segment.Cache.OpenLayer(_layer) : _activations.Slot(segment.Slot);
        ReadOnlySpan<byte> payload = MemoryMarshal.AsBytes(open);
        int tokenCount = segment.FirstColumn + tile.FirstToken + tile.TokenCount;
        _openCodec.OpenScores(kvHead, payload, tokenCount, scratch.Queries, scratch.QueryCount, scratch.Scores);
        Span<float> scores = scratch.Scores;
        for (int query = 0; query < scratch.QueryCount; query++)
        {
            int visibleCount = segment.FirstColumn + tile.FirstToken + (query / _group) + 1;
            scores.Slice((query * KvGeometry.BlockTokenCount) + visibleCount, KvGeometry.BlockTokenCount - visibleCount).Fill(float.NegativeInfinity);
        }

        scratch.UpdateSoftmax(scratch.Output);
        _openCodec.AddOpenValues(kvHead, payload, tokenCount, scratch.Scores, scratch.QueryCount, scratch.Output);
    }

    private void StoreOutput(int firstRow, int tokenCount, int kvHead, AttentionScratch scratch)
    {
        int width = _group * Geometry.HeadSize;
        scratch.Normalise();
        ReadOnlySpan<float> output = scratch.Output;
        for (int token = 0; token < tokenCount; token++)
        {
            float* row = _activations.Attended + ((long)(firstRow + token) * _activations.QueryWidth) + (kvHead * width);
            output.Slice(token * width, width).CopyTo(new Span<float>(row, width));
        }
    }
}
