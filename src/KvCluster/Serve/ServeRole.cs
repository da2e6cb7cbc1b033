namespace KvCluster.CommandLine.Serve;

/// <summary>Which part of the cluster a <c>serve</c> process is.</summary>
internal enum ServeRole
{
    All,
    Gateway,
    KvStore,
    Prefill,
    Decode,
}
