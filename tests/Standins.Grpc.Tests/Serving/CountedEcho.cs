using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;

namespace KvCluster.Standins.Grpc.Tests.Serving;

/// <summary>A service that counts its instances.</summary>
internal sealed class CountedEcho : Counted.CountedBase, IDisposable
{
    private readonly LifeCount _lives;

    public CountedEcho(LifeCount lives)
    {
        _lives = lives;
        lives.Made++;
    }

    public override Task<EchoReply> Count(EchoRequest request, ServerCallContext context) => Task.FromResult(new EchoReply());

    public void Dispose() => _lives.Disposed++;
}

internal sealed class LifeCount
{
    public int Made { get; set; }

    public int Disposed { get; set; }
}
