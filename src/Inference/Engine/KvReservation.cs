namespace KvCluster.Inference.Engine;

/// <summary>A Sequence's share of the KV budget, until disposed.</summary>
public sealed class KvReservation(KvAdmission admission, KvDemand demand) : IDisposable
{
    private int _isReleased;

    public KvDemand Demand => demand;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isReleased, 1) == 0)
        {
            admission.Release(demand);
        }
    }
}
