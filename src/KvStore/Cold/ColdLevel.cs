namespace KvCluster.KvStore.Cold;

/// <param name="Tier">A tier below memory.</param>
/// <param name="Admission">What is worth a write to it.</param>
internal sealed record ColdLevel(IColdTier Tier, WriteAdmission Admission);
