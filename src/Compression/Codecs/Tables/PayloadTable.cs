using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Codecs.Tables;

/// <summary>Where a payload of one layer has what: for backends that read and write it by code of their own (docs/slab-format.md).</summary>
/// <param name="SizeBytes">Of the payload.</param>
/// <param name="TokenCount">Tokens that are stored: all 64, or those that were not evicted.</param>
/// <param name="ChosenOffset">Of the set of tokens that are stored first, 64 bits; −1: tokens are stored in their order.</param>
/// <param name="Heads">Latent heads, in the order in which they are stored.</param>
/// <param name="Groups">By latent head the maps between its channels and those of its KV heads; null: latent heads are the KV heads.</param>
public sealed record PayloadTable(int SizeBytes, int TokenCount, int ChosenOffset, IReadOnlyList<StoredHead> Heads, IReadOnlyList<HeadGroup>? Groups);
