using System.Diagnostics.Metrics;

namespace KvCluster.Protocol.Shards;

/// <summary>The instruments <c>kvcluster.shards.*</c>: how a process gets on with the shards that it reads and writes.</summary>
public sealed class ShardCounters : IDisposable
{
    public const string MeterName = "KvCluster.Shards";

    private readonly Meter _meter = new(MeterName);
    private long _streams;
    private long _failedStreams;
    private long _hedges;
    private long _wonHedges;
    private long _fallBackBlocks;
    private long _movedBlocks;
    private long _repairedBlocks;
    private long _unrepairedBlocks;
    private long _lostReplicas;
    private long _droppedBlocks;

    public ShardCounters()
    {
        Count("streams", () => Streams, "Streams of slabs asked of shards.");
        Count("failed.streams", () => FailedStreams, "Streams that a shard ended with an error, or that stalled.");
        Count("hedges", () => Hedges, "Reads that asked replicas too, because a shard was slow.");
        Count("won.hedges", () => WonHedges, "Hedged reads that a replica answered first.");
        Count("fallback.blocks", () => FallBackBlocks, "Blocks asked for at a further place, because an earlier one did not have them.");
        Count("moved.blocks", () => MovedBlocks, "Blocks found where they are not at home.");
        Count("repaired.blocks", () => RepairedBlocks, "Blocks copied to a home that lacked them.");
        Count("unrepaired.blocks", () => UnrepairedBlocks, "Blocks that should have been copied home and were not: the queue was full or the home refused.");
        Count("lost.replicas", () => LostReplicas, "Homes given up in the middle of a write that others took.");
        Count("dropped.blocks", () => DroppedBlocks, "Blocks dropped at a shard because a slab of them was refused.");
    }

    public long Streams => Interlocked.Read(ref _streams);

    public long FailedStreams => Interlocked.Read(ref _failedStreams);

    public long Hedges => Interlocked.Read(ref _hedges);

    public long WonHedges => Interlocked.Read(ref _wonHedges);

    public long FallBackBlocks => Interlocked.Read(ref _fallBackBlocks);

    public long MovedBlocks => Interlocked.Read(ref _movedBlocks);

    public long RepairedBlocks => Interlocked.Read(ref _repairedBlocks);

    public long UnrepairedBlocks => Interlocked.Read(ref _unrepairedBlocks);

    public long LostReplicas => Interlocked.Read(ref _lostReplicas);

    public long DroppedBlocks => Interlocked.Read(ref _droppedBlocks);

    public void Dispose() => _meter.Dispose();

    internal void Stream() => Interlocked.Increment(ref _streams);

    internal void FailedStream() => Interlocked.Increment(ref _failedStreams);

    internal void Hedge() => Interlocked.Increment(ref _hedges);

    internal void WonHedge() => Interlocked.Increment(ref _wonHedges);

    internal void FellBack(int blockCount) => Interlocked.Add(ref _fallBackBlocks, blockCount);

    internal void FoundMoved() => Interlocked.Increment(ref _movedBlocks);

    internal void Repaired(int blockCount) => Interlocked.Add(ref _repairedBlocks, blockCount);

    internal void Unrepaired(int blockCount) => Interlocked.Add(ref _unrepairedBlocks, blockCount);

    internal void LostReplica() => Interlocked.Increment(ref _lostReplicas);

    internal void Dropped() => Interlocked.Increment(ref _droppedBlocks);

    private void Count(string name, Func<long> read, string description) =>
        _meter.CreateObservableCounter($"kvcluster.shards.{name}", read, description: description);
}
