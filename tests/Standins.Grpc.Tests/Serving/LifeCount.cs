namespace KvCluster.Standins.Grpc.Tests.Serving;

internal sealed class LifeCount
{
    public int Made { get; set; }

    public int Disposed { get; set; }
}
