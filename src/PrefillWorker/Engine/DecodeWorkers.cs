using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Transfer;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>Connections to the decode workers that take slabs directly: the same Put, over the same kinds of connection, as to KvStore shards.</summary>
internal sealed class DecodeWorkers(string workerId) : IDisposable
{
    private readonly ShardConnections _connections = new(workerId);

    public BlockWriter OpenWriter(DirectTarget target, ulong epoch, CancellationToken cancellationToken) =>
        _connections.OpenWriter(target.Address, epoch, owner: target.HandOverId, cancellationToken: cancellationToken);

    public void Dispose() => _connections.Dispose();
}

/// <summary>A decode worker that takes the slabs of one prompt straight from here.</summary>
/// <param name="Address">Of its gRPC.</param>
/// <param name="HandOverId">Under which it expects them.</param>
internal sealed record DirectTarget(string Address, BlockId HandOverId);
