using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Models;
using KvCluster.Gateway.Workers;
using KvCluster.Protocol.Shards;

namespace KvCluster.Gateway.Grains;

/// <summary>What a running request works with.</summary>
internal sealed record RequestServices(
    IGrainFactory Grains,
    IWorkerClients Clients,
    ServedModel Model,
    GatewayOptions Options,
    ShardHealth StoreHealth,
    HandOffChooser HandOffs,
    TimeProvider Time,
    ILogger<RequestGrain> Logger)
{
    public IWorkerPoolGrain Pool(string key) => Grains.GetGrain<IWorkerPoolGrain>(key);
}
