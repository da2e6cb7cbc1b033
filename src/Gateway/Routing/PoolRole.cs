namespace KvCluster.Gateway.Routing;

/// <summary>The pool that a worker belongs to.</summary>
[GenerateSerializer]
public enum PoolRole
{
    Prefill = 1,
    Decode = 2,
    KvStore = 3,
}
