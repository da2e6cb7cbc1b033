using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>Keys of pool grains: <c>model/role</c>; KvStore shards belong to no model.</summary>
internal static class PoolKey
{
    public static readonly string KvStore = Of("", PoolRole.KvStore);

    public static string Of(WorkerInfo worker) => Of(worker.Role == PoolRole.KvStore ? "" : worker.Model, worker.Role);

    public static string Of(string model, PoolRole role) => role switch
    {
        PoolRole.Prefill => $"{model}/prefill",
        PoolRole.Decode => $"{model}/decode",
        PoolRole.KvStore => $"{model}/kvstore",
        _ => throw new ArgumentOutOfRangeException(nameof(role)),
    };

    public static PoolRole RoleOf(string key) => key[(key.LastIndexOf('/') + 1)..] switch
    {
        "prefill" => PoolRole.Prefill,
        "decode" => PoolRole.Decode,
        "kvstore" => PoolRole.KvStore,
        _ => throw new ArgumentException($"{key}: not a pool key; expected model/role.", nameof(key)),
    };
}
