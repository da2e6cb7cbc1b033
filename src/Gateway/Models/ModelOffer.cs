using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Models;

/// <summary>What the pools offer for a model: the identity that most workers share and its limits.</summary>
internal sealed record ModelOffer(
    string Name,
    KvIdentity Identity,
    string KvSpec,
    int MaxContextTokens,
    int PrefillWorkerCount,
    int DecodeWorkerCount);
