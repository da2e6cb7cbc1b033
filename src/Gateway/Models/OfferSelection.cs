using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Models;

/// <summary>
/// Which (model, codec) identity requests use while a pool holds several, as in a rolling update: one that both pools have,
/// then the one with most decode workers, then most prefill workers, then the lowest fingerprints. Pure.
/// </summary>
internal static class OfferSelection
{
    /// <returns>Null when no decode worker takes work.</returns>
    public static ModelOffer? Select(string model, IEnumerable<WorkerState> prefill, IEnumerable<WorkerState> decode)
    {
        ILookup<KvIdentity, WorkerInfo> prefillByIdentity = Usable(prefill);
        return Usable(decode)
            .Select(group => ToOffer(model, group, prefillByIdentity[group.Key]))
            .OrderByDescending(offer => offer.PrefillWorkerCount > 0)
            .ThenByDescending(offer => offer.DecodeWorkerCount)
            .ThenByDescending(offer => offer.PrefillWorkerCount)
            .ThenBy(offer => offer.Identity.ModelFingerprint)
            .ThenBy(offer => offer.Identity.CodecFingerprint)
            .FirstOrDefault();
    }

    private static ILookup<KvIdentity, WorkerInfo> Usable(IEnumerable<WorkerState> states) =>
        states.Where(state => !state.IsDraining).ToLookup(state => state.Worker.Identity, state => state.Worker);

    private static ModelOffer ToOffer(string model, IGrouping<KvIdentity, WorkerInfo> decode, IEnumerable<WorkerInfo> prefill)
    {
        WorkerInfo[] prefillWorkers = [.. prefill];
        int contextTokens = decode.Concat(prefillWorkers)
            .Select(worker => worker.MaxContextTokens)
            .Where(tokens => tokens > 0)
            .DefaultIfEmpty(int.MaxValue)
            .Min();
        return new ModelOffer(model, decode.Key, decode.First().KvSpec, contextTokens, prefillWorkers.Length, decode.Count());
    }
}
