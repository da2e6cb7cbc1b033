namespace KvCluster.DecodeWorker.Tests;

/// <summary>Tests with hosts run one after another: they look at the process's slab pool.</summary>
[CollectionDefinition("cluster", DisableParallelization = true)]
public sealed class ClusterCollection;
