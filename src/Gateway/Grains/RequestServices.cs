using KvCluster.Gateway.Models;
using KvCluster.Gateway.Workers;

namespace KvCluster.Gateway.Grains;

/// <summary>What a running request works with.</summary>
internal sealed record RequestServices(
    IGrainFactory Grains,
    IWorkerClients Clients,
    ServedModel Model,
    GatewayOptions Options,
    TimeProvider Time,
    ILogger<RequestGrain> Logger)
{
    public IWorkerPoolGrain Pool(string key) => Grains.GetGrain<IWorkerPoolGrain>(key);
}
