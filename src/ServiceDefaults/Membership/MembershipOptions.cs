using KvCluster.V1;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>As whom, and where, a worker joins the cluster.</summary>
/// <param name="GatewayAddress">Of the Gateway's gRPC endpoint. Empty: the worker joins nothing, its epoch stays 0.</param>
/// <param name="AdvertisedAddress">
/// Where others reach the worker. Empty: the first address it listens on, with the machine's name for <c>*</c>.
/// </param>
/// <param name="Worker">Everything but the address.</param>
public sealed record MembershipOptions(string GatewayAddress, string AdvertisedAddress, WorkerDescription Worker);
