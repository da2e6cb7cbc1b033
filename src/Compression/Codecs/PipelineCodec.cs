using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Projection;
using KvCluster.Compression.Quantization;
using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// A codec of stages: K and V are projected to latent channels, quantised, and what that lost is kept as a residual. Attention runs on what was
/// stored: queries are projected once, outputs are mapped back once.
/// </summary>
/// <remarks>Payload of a layer: the quantiser's bytes, then the residual's.</remarks>
internal sealed unsafe class PipelineCodec : KvCodec
{
    private readonly PipelineLayer[] _layers;

    public PipelineCodec(KvGeometry geometry, string spec, ulong fingerprint, SaliencyRule? saliency, PipelineLayer[] layers)
        : base(geometry)
    {
        AttentionGuard.RequireSupported(geometry);
        Spec = spec;
        Fingerprint = fingerprint;
        _layers = layers;
        IsProjected = layers.Any(layer => layer.Projection is not null);
        Saliency = saliency;
    }

    public override string Spec { get; }

    public override ulong Fingerprint { get; }

    public override SaliencyRule? Saliency { get; }

    public override bool IsProjected { get; }

    public override int MaxPayloadSizeBytes(int layer) => _layers[layer].SizeBytes;

    public override PayloadTable? Table(int layer)
    {
        PipelineLayer stages = _layers[layer];
        LayerQuantiser quantiser = stages.Quantiser;
        if (quantiser.ChosenOffset >= 0 && stages.Residual is not null)
        {
            // Codes are in the stored order of tokens and the residual in their own: no order serves both.
            return null;
        }

        StoredHead[] heads = new StoredHead[quantiser.Shape.HeadCount];
        for (int head = 0; head < heads.Length; head++)
        {
            (StoredResidual Keys, StoredResidual Values)? residual = stages.Residual?.Places(head, stages.ResidualOffset);
            heads[head] = new StoredHead(
                quantiser.Shape.KeySize(head), quantiser.Shape.ValueSize(head), quantiser.KeyRuns(head), quantiser.ValueRuns(head), residual?.Keys, residual?.Values);
        }

        return new PayloadTable(stages.SizeBytes, quantiser.TokenCount, quantiser.ChosenOffset, heads, stages.Projection?.Groups);
    }

    public override IReadOnlyList<IReadOnlyList<int>> HeadSets(int layer) => _layers[layer].Projection?.HeadSets ?? base.HeadSets(layer);

    public override int QueryWidth(int layer, int kvHead) => _layers[layer].Projection?.QueryWidth(kvHead) ?? Geometry.HeadSize;

    public override int OutputWidth(int layer, int kvHead) => _layers[layer].Projection?.OutputWidth(kvHead) ?? Geometry.HeadSize;

    public override int Encode(int layer, ReadOnlySpan<Half> openLayer, ReadOnlySpan<float> saliency, Span<byte> payload)
    {
        PipelineLayer stages = _layers[layer];
        ArgumentOutOfRangeException.ThrowIfLessThan(openLayer.Length, Geometry.OpenLayerLength, nameof(openLayer));
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, stages.SizeBytes, nameof(payload));
        if (stages.Quantiser.NeedsSaliency)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(saliency.Length, KvGeometry.BlockTokenCount, nameof(saliency));
        }

        float* latent = TileScratch.Latent.Rent(stages.Shape.Length);
        Project(stages, openLayer, latent);
        fixed (byte* destination = payload)
        {
            byte* residual = destination + stages.ResidualOffset;
            float* taken = TileScratch.Outliers.Rent(stages.Residual?.OutlierCount ?? 0);
            stages.Residual?.TakeOutliers(latent, residual, taken);
            stages.Quantiser.Encode(latent, saliency, destination);
            if (stages.Residual is not null)
            {
                float* error = TileScratch.Restored.Rent(stages.Shape.Length);
                stages.Quantiser.Decode(destination, error);
                var difference = new Span<float>(error, stages.Shape.Length);
                TensorPrimitives.Subtract(new ReadOnlySpan<float>(latent, stages.Shape.Length), difference, difference);
                stages.Residual.Fit(error, residual, taken);
            }
        }

        return stages.SizeBytes;
    }

    public override bool IsWellFormed(int layer, ReadOnlySpan<byte> payload)
    {
        PipelineLayer stages = _layers[layer];
        return payload.Length == stages.SizeBytes
            && stages.Quantiser.IsWellFormed(payload[..stages.ResidualOffset])
            && (stages.Residual?.IsWellFormed(payload[stages.ResidualOffset..]) ?? true);
    }

    public override void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> openLayer)
    {
        PipelineLayer stages = _layers[layer];
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, stages.SizeBytes, nameof(payload));
        ArgumentOutOfRangeException.ThrowIfLessThan(openLayer.Length, Geometry.OpenLayerLength, nameof(openLayer));
        fixed (byte* source = payload)
        fixed (float* destination = openLayer)
        {
            float* latent = stages.Projection is null ? destination : TileScratch.Latent.Rent(stages.Shape.Length);
            stages.Quantiser.Decode(source, latent);
            stages.Residual?.AddTo(latent, source + stages.ResidualOffset);
            stages.Projection?.Restore(latent, destination);
        }
    }

    public override void ProjectQueries(int layer, int kvHead, ReadOnlySpan<float> queries, int queryCount, Span<float> projected)
    {
        LayerProjection projection = _layers[layer].Projection!;
        ArgumentOutOfRangeException.ThrowIfLessThan(queries.Length, queryCount * Geometry.HeadSize, nameof(queries));
        ArgumentOutOfRangeException.ThrowIfLessThan(projected.Length, queryCount * projection.QueryWidth(kvHead), nameof(projected));
        fixed (float* source = queries, destination = projected)
        {
            projection.ProjectQueries(kvHead, source, queryCount, destination);
        }
    }

    public override void ExpandOutput(int layer, int kvHead, ReadOnlySpan<float> gathered, int queryCount, Span<float> output)
    {
        LayerProjection projection = _layers[layer].Projection!;
        ArgumentOutOfRangeException.ThrowIfLessThan(gathered.Length, queryCount * projection.OutputWidth(kvHead), nameof(gathered));
        ArgumentOutOfRangeException.ThrowIfLessThan(output.Length, queryCount * Geometry.HeadSize, nameof(output));
        fixed (float* source = gathered, destination = output)
        {
            projection.ExpandOutput(kvHead, source, queryCount, destination);
        }
    }

    public override void PrefetchKeys(int layer, int kvHead, ReadOnlySpan<byte> payload)
    {
        PipelineLayer stages = _layers[layer];
        fixed (byte* source = payload)
        {
            int head = stages.Projection?.GroupOf(kvHead) ?? kvHead;
            stages.Quantiser.PrefetchKeys(head, source);
            stages.Residual?.PrefetchKeys(head, source + stages.ResidualOffset);
        }
    }

    public override void PrefetchValues(int layer, int kvHead, ReadOnlySpan<byte> payload)
    {
        PipelineLayer stages = _layers[layer];
        fixed (byte* source = payload)
        {
            int head = stages.Projection?.GroupOf(kvHead) ?? kvHead;
            stages.Quantiser.PrefetchValues(head, source);
            stages.Residual?.PrefetchValues(head, source + stages.ResidualOffset);
        }
    }

    public override void Scores(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> queries, int queryCount, Span<float> scores)
    {
        PipelineLayer stages = _layers[layer];
        int width = QueryWidth(layer, kvHead);
        AttentionGuard.RequireScores(Geometry, kvHead, queries.Length, queryCount, width, scores.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, stages.SizeBytes, nameof(payload));
        int head = stages.Projection?.GroupOf(kvHead) ?? kvHead;
        fixed (byte* source = payload)
        fixed (float* x = queries, y = scores)
        {
            stages.Quantiser.Scores(head, source, x, width, queryCount, y);
            stages.Residual?.AddScores(head, source + stages.ResidualOffset, x, width, queryCount, y);
            stages.Projection?.AddMeanScores(kvHead, x, queryCount, y);
        }
    }

    public override void AddValues(
        int layer, int kvHead, ReadOnlySpan<byte> payload, ReadOnlySpan<float> weights, int queryCount, Span<float> output)
    {
        PipelineLayer stages = _layers[layer];
        int width = OutputWidth(layer, kvHead);
        AttentionGuard.RequireValues(Geometry, kvHead, weights.Length, queryCount, output.Length, width);
        ArgumentOutOfRangeException.ThrowIfLessThan(payload.Length, stages.SizeBytes, nameof(payload));
        int head = stages.Projection?.GroupOf(kvHead) ?? kvHead;
        fixed (byte* source = payload)
        fixed (float* x = weights, y = output)
        {
            stages.Quantiser.AddValues(head, source, x, queryCount, y, width);
            stages.Residual?.AddValues(head, source + stages.ResidualOffset, x, queryCount, y, width);
            stages.Projection?.AddMeanWeights(kvHead, x, queryCount, y);
        }
    }

    private void Project(PipelineLayer stages, ReadOnlySpan<Half> openLayer, float* latent)
    {
        ReadOnlySpan<Half> source = openLayer[..Geometry.OpenLayerLength];
        if (stages.Projection is null)
        {
            HalfConversion.ToSingle(source, new Span<float>(latent, source.Length));
            return;
        }

        float* plain = TileScratch.Restored.Rent(source.Length);
        HalfConversion.ToSingle(source, new Span<float>(plain, source.Length));
        stages.Projection.Project(plain, latent);
    }
}
