using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Puts;

/// <param name="Result">What became of the slab.</param>
/// <param name="Error">Why it was refused.</param>
internal readonly record struct PutOutcome(PutResult Result, SlabError Error = SlabError.None);
