using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Queues the kernels of a step. Makes no decision that depends on the contents of tables, so that all of it can be a graph.</summary>
internal sealed class LayerLaunch(
    ModelConfig config, CudaModelWeights weights, StepBuffers buffers, BlockPages pages, ModelKernels kernels, IDecodeAttention attention, CudaGemm gemm)
{
    private readonly float _softmaxScale = 1 / MathF.Sqrt(config.HeadSize);

    public int LayerCount => config.LayerCount;

    public void Embed(CudaStream stream, int rows) => kernels.Launch(
        stream,
        new ModelKernels.Embed { Table = weights.Embedding, Tokens = buffers.Control + StepTables.OffsetsOf(rows).Tokens, Hidden = buffers.Hidden, Width = config.HiddenSize },
        rows);

    /// <summary>A layer up to where K and V of the new tokens are in 16 bits.</summary>
    /// <param name="stream">Queues it.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="rows">Of the step.</param>
    /// <param name="isDecoded">Decode attention follows.</param>
    /// <param name="isPrefilled">Prefill attention follows.</param>
    public void Project(CudaStream stream, int layer, int rows, bool isDecoded, bool isPrefilled)
    {
        CudaLayerWeights w = weights.Layers[layer];
        StepTables.Offsets at = StepTables.OffsetsOf(rows);
        Normalise(stream, w.AttentionNorm, layer > 0 ? weights.Layers[layer - 1].DownBias : 0, rows);
        gemm.Multiply(
            stream, w.QueryKeyValue, buffers.Normed, buffers.Projected, rows, buffers.ProjectedWidth, config.HiddenSize, GemmOutput.BrainFloat);
        var append = new ModelKernels.Append
        {
            Projected = buffers.Projected,
            Bias = w.QueryKeyValueBias,
            QueryNorm = w.QueryNorm,
            KeyNorm = w.KeyNorm,
            Rotation = weights.Rotation,
            Positions = buffers.Control + at.Positions,
            Pages = buffers.Control + at.Pages,
            Probes = pages.Probes is null ? 0 : buffers.Control + at.Probes,
            ProbeQueries = pages.Probes?.Layer(layer) ?? 0,
            Query = isDecoded ? buffers.Query : 0,
            QueryRows = isPrefilled ? buffers.QueryRows : 0,
            KeyRows = isPrefilled ? buffers.KeyRows : 0,
            ValueRows = isPrefilled ? buffers.ValueRows : 0,
            Open = pages.Open.Layer(layer),
            Failures = buffers.Control + at.Failures,
            OpenStride = (ulong)pages.Open.StrideBytes,
            HeadCount = config.HeadCount,
            KvHeadCount = config.KvHeadCount,
            Layer = layer,
            Epsilon = config.RmsNormEpsilon,
        };
        kernels.Launch(stream, append, rows);
    }

    /// <summary>Decode attention of every row.</summary>
    public void Attend(CudaStream stream, int layer, int rows, bool isSealedStable)
    {
        StepTables.Offsets at = StepTables.OffsetsOf(rows);
        var work = new AttentionWork
        {
            Query = buffers.Query,
            Sealed = pages.Sealed.Layer(layer),
            Open = pages.Open.Layer(layer),
            Entries = buffers.Control + at.Entries,
            Starts = buffers.Control + at.Starts,
            OpenTokens = buffers.Control + at.OpenTokens,
            Partials = buffers.Partials,
            States = buffers.States,
            Output = buffers.Attended,
            SealedStride = (ulong)pages.Sealed.StrideOf(layer),
            OpenStride = (ulong)pages.Open.StrideBytes,
            SequenceCount = rows,
            KvHeadCount = config.KvHeadCount,
            GroupSize = config.HeadCount / config.KvHeadCount,
            ChunkCount = attention.ChunkCount,
            SoftmaxScale = _softmaxScale,
            Flags = AttentionWorkFlags.QueryIsSingle,
        };
        attention.Launch(stream, layer, work, buffers.AttentionScratch, isSealedStable);
    }

    /// <summary>The rest of a layer.</summary>
    public void Finish(CudaStream stream, int layer, int rows)
    {
        CudaLayerWeights w = weights.Layers[layer];
        int width = weights.PaddedIntermediateSize;
        gemm.Multiply(stream, w.AttentionOutput, buffers.Attended, buffers.Hidden, rows, config.HiddenSize, buffers.QueryWidth, GemmOutput.AddToSingle);
        Normalise(stream, w.MlpNorm, w.AttentionOutputBias, rows);
        gemm.Multiply(stream, w.GateUp, buffers.Normed, buffers.GateUp, rows, 2 * width, config.HiddenSize, GemmOutput.BrainFloat);
        kernels.Launch(stream, new ModelKernels.Gate { GateUp = buffers.GateUp, Bias = w.GateUpBias, Output = buffers.Gated, Width = width }, rows);
        gemm.Multiply(stream, w.Down, buffers.Gated, buffers.Hidden, rows, config.HiddenSize, width, GemmOutput.AddToSingle);
    }

    /// <summary>Logits of some rows, and the greatest of each.</summary>
    public void ComputeLogits(CudaStream stream, int rows, int logitsRows)
    {
        var norm = new ModelKernels.Norm
        {
            Hidden = buffers.Hidden,
            Bias = weights.Layers[^1].DownBias,
            Weight = weights.FinalNorm,
            Rows = buffers.Control + StepTables.OffsetsOf(rows).LogitsRows,
            Output = buffers.LastNormed,
            Width = config.HiddenSize,
            Epsilon = config.RmsNormEpsilon,
        };
        kernels.Launch(stream, norm, logitsRows);
        gemm.Multiply(
            stream, weights.Head, buffers.LastNormed, buffers.Logits, logitsRows, weights.PaddedVocabularySize, config.HiddenSize, GemmOutput.Single);
        var pick = new ModelKernels.Pick
        {
            Logits = buffers.Logits,
            Picked = buffers.Picked,
            VocabularySize = config.VocabularySize,
            Stride = weights.PaddedVocabularySize,
        };
        kernels.Launch(stream, pick, logitsRows);
    }

    /// <summary>A decode step from end to end: a row a Sequence, logits of all.</summary>
    public void Decode(CudaStream stream, int rows)
    {
        Embed(stream, rows);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            Project(stream, layer, rows, isDecoded: true, isPrefilled: false);
            Attend(stream, layer, rows, isSealedStable: true);
            Finish(stream, layer, rows);
        }

        ComputeLogits(stream, rows, rows);
    }

    private void Normalise(CudaStream stream, ulong weight, ulong bias, int rows)
    {
        var norm = new ModelKernels.Norm
        {
            Hidden = buffers.Hidden,
            Bias = bias,
            Weight = weight,
            Output = buffers.Normed,
            Width = config.HiddenSize,
            Epsilon = config.RmsNormEpsilon,
        };
        kernels.Launch(stream, norm, rows);
    }
}
