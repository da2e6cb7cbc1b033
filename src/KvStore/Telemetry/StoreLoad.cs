using KvCluster.KvStore.Tiers;
using KvCluster.ServiceDefaults.Membership;
using KvCluster.V1;

namespace KvCluster.KvStore.Telemetry;

internal sealed class StoreLoad(IBlockTier tier) : IWorkerLoadSource
{
    public WorkerLoad CurrentLoad()
    {
        TierStat stat = tier.Stat();
        return new WorkerLoad { KvBytes = stat.ByteCount, KvByteBudget = stat.ByteBudget };
    }
}
