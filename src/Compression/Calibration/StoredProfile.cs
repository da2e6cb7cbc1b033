using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Calibration;

/// <summary>What calibration makes and a Profile file holds.</summary>
/// <param name="Spec">Canonical: <see cref="ProfileRecipe.Spec"/>.</param>
/// <param name="ModelFingerprint">The model that was calibrated.</param>
/// <param name="Geometry">Of the model's KV.</param>
/// <param name="Layers">Groups by layer; each KV head is in exactly one group of a layer.</param>
public sealed record StoredProfile(
    string Spec, ulong ModelFingerprint, KvGeometry Geometry, IReadOnlyList<IReadOnlyList<GroupBasis>> Layers)
{
    /// <summary>The form that codecs are built from.</summary>
    public Profile ToProfile() => new(
        Spec,
        ModelFingerprint,
        ProfileFingerprint.Of(this),
        Geometry,
        [.. Layers.Select(layer => new LayerProfile([.. layer.Select(group => group.ToHeadGroup())]))]);
}
