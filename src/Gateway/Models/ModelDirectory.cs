using KvCluster.Gateway.Grains;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Models;

/// <summary>What the cluster can serve now.</summary>
internal sealed class ModelDirectory(ServedModel model, IGrainFactory grains)
{
    public ServedModel Model => model;

    /// <returns>Null when no decode worker of the model takes work.</returns>
    public async Task<ModelOffer?> FindAsync()
    {
        Task<WorkerState[]> prefill = Pool(PoolKey.Of(model.Name, PoolRole.Prefill)).Snapshot();
        Task<WorkerState[]> decode = Pool(PoolKey.Of(model.Name, PoolRole.Decode)).Snapshot();
        ModelOffer? offer = OfferSelection.Select(model.Name, await prefill, await decode);
        return offer is null ? null : offer with { MaxContextTokens = Math.Min(offer.MaxContextTokens, model.MaxContextTokens) };
    }

    /// <summary>The models that both pools serve, with the time at which the first worker came.</summary>
    public async Task<IReadOnlyList<(ModelOffer Offer, DateTimeOffset FirstSeen)>> ListAsync()
    {
        if (await FindAsync() is not { PrefillWorkerCount: > 0 } offer)
        {
            return [];
        }

        DateTimeOffset? seen = await grains.GetGrain<IMembershipGrain>(IMembershipGrain.Key).FirstSeen(model.Name);
        return [(offer, seen ?? DateTimeOffset.UnixEpoch)];
    }

    /// <summary>What is still missing; null when requests can be served as designed.</summary>
    public async Task<string?> FindGapAsync()
    {
        ModelOffer? offer = await FindAsync();
        WorkerState[] shards = await Pool(PoolKey.KvStore).Snapshot();
        return offer is null ? $"no decode worker of model {model.Name} has registered"
            : offer.PrefillWorkerCount == 0 ? $"no prefill worker of model {model.Name} has registered"
            : !shards.Any(shard => !shard.IsDraining) ? "no KvStore shard has registered"
            : null;
    }

    private IWorkerPoolGrain Pool(string key) => grains.GetGrain<IWorkerPoolGrain>(key);
}
