using KvCluster.Compression.Calibration;

namespace KvCluster.Inference.Calibration;

/// <summary>A Profile that was just made, in the place of a folder of them.</summary>
public sealed class SingleProfile(Profile profile) : IProfileSource
{
    /// <inheritdoc/>
    public Profile? Find(string spec) => ProfileRecipe.Of(spec).Spec == profile.Spec ? profile : null;
}
