using KvCluster.Compression.Projection;

namespace KvCluster.Compression.Codecs;

/// <summary>The stages of one layer.</summary>
/// <param name="Projection">Null: the quantiser sees K and V as they are.</param>
/// <param name="Quantiser">Of the projection's latent channels.</param>
/// <param name="Residual">Null: none.</param>
internal sealed record PipelineLayer(LayerProjection? Projection, LayerQuantiser Quantiser, LayerResidual? Residual)
{
    public LatentShape Shape => Quantiser.Shape;

    /// <summary>Where the residual's bytes begin.</summary>
    public int ResidualOffset { get; } = Quantiser.SizeBytes;

    public int SizeBytes { get; } = Quantiser.SizeBytes + (Residual?.SizeBytes ?? 0);
}
