using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>Keys of pool grains: <c>model/role</c>; KvStore shards belong to no model.</summary>
internal static class PoolKey
{
    public static readonly string KvStore = Of("", WorkerRole.KvStore);

    public static string Of(WorkerInfo worker) => Of(worker.Role == WorkerRole.KvStore ? "" : worker.Model, worker.Role);

    public static string Of(string model, WorkerRole role) => role switch
    {
        WorkerRole.Prefill => $"{model}/prefill",
        WorkerRole.Decode => $"{model}/decode",
        WorkerRole.KvStore => $"{model}/kvstore",
        _ => throw new ArgumentOutOfRangeException(nameof(role)),
    };

    public static WorkerRole RoleOf(string key) => key[(key.LastIndexOf('/') + 1)..] switch
    {
        "prefill" => WorkerRole.Prefill,
        "decode" => WorkerRole.Decode,
        "kvstore" => WorkerRole.KvStore,
        _ => throw new ArgumentException($"{key}: not a pool key; expected model/role.", nameof(key)),
    };
}
