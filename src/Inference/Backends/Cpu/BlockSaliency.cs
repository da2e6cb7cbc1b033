using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Saliency of a Block's tokens from its own probe rows, each attending to the Block up to itself: local, so that a Block's bytes depend on nothing
/// outside of it. Scratch of one worker.
/// </summary>
internal sealed unsafe class BlockSaliency(ModelConfig config, RawCodec openCodec, SaliencyRule rule) : IDisposable
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private readonly AlignedBuffer<float> _queries = new();
    private readonly AlignedBuffer<float> _scores = new();
    private readonly float[] _sums = GC.AllocateUninitializedArray<float>(Tokens, pinned: true);
    private readonly int _group = config.HeadCount / config.KvHeadCount;
    private readonly float _queryScale = VectorMath.Log2E / MathF.Sqrt(config.HeadSize);

    /// <param name="layer">Index of the layer.</param>
    /// <param name="blockIndex">Of the Block in its Sequence.</param>
    /// <param name="openLayer">Its K and V.</param>
    /// <param name="probes">[probe][query head][head size].</param>
    /// <returns>By token, 64; valid until the next call.</returns>
    public ReadOnlySpan<float> Compute(int layer, int blockIndex, ReadOnlySpan<Half> openLayer, ReadOnlySpan<Half> probes)
    {
        ReadOnlySpan<int> columns = rule.BlockProbes.Columns(blockIndex);
        int rowCount = columns.Length * _group;
        float* scores = _scores.Reserve(rowCount * Tokens);
        Array.Clear(_sums);
        fixed (float* sums = _sums)
        {
            for (int kvHead = 0; kvHead < config.KvHeadCount; kvHead++)
            {
                ReadOnlySpan<float> queries = LoadQueries(probes, columns.Length, kvHead);
                openCodec.Scores(layer, kvHead, MemoryMarshal.AsBytes(openLayer), queries, rowCount, new Span<float>(scores, rowCount * Tokens));
                for (int row = 0; row < rowCount; row++)
                {
                    ProbeSoftmax.Add(scores + (row * Tokens), columns[row / _group] + 1, Tokens, sums);
                }
            }
        }

        SaliencySums.Normalise(_sums, columns, Tokens, rule.Norm);
        return _sums;
    }

    public void Dispose()
    {
        _queries.Dispose();
        _scores.Dispose();
    }

    private ReadOnlySpan<float> LoadQueries(ReadOnlySpan<Half> probes, int probeCount, int kvHead)
    {
        int width = _group * config.HeadSize;
        int length = probeCount * width;
        float* queries = _queries.Reserve(length);
        for (int probe = 0; probe < probeCount; probe++)
        {
            ReadOnlySpan<Half> source = probes.Slice((probe * config.HeadCount * config.HeadSize) + (kvHead * width), width);
            HalfConversion.ToSingle(source, new Span<float>(queries + (probe * width), width));
        }

        RowMath.Scale(queries, _queryScale, length);
        return new ReadOnlySpan<float>(queries, length);
    }
}
