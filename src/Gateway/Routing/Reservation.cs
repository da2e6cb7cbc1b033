namespace KvCluster.Gateway.Routing;

/// <summary>Work placed on a member. Pending until the member's next report, which includes it from then on.</summary>
internal sealed record Reservation(long Id, string WorkerId, ulong Epoch, int TokenCount)
{
    public bool IsPending { get; set; } = true;
}
