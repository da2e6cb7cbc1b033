namespace KvCluster.Protocol.Shards;

/// <summary>
/// Reads Blocks from all their shards at once: from the best home first, from the next place when one fails, lacks a Block or is slow. What was found
/// elsewhere than at home is copied home behind.
/// </summary>
/// <param name="connections">To the shards.</param>
/// <param name="options">How patient.</param>
/// <param name="time">Clock of delays.</param>
/// <param name="counters">Counts what happened.</param>
/// <param name="repair">Copies Blocks home; null: nobody does.</param>
public sealed class ShardedReader(
    ShardConnections connections, ShardReadOptions options, TimeProvider time, ShardCounters counters, ReadRepair? repair = null)
{
    internal ShardConnections Connections => connections;

    internal ShardReadOptions Options => options;

    internal TimeProvider Time => time;

    internal ShardCounters Counters => counters;

    internal ReadRepair? Repair => repair;

    /// <summary>When replicas are asked too.</summary>
    public HedgePolicy Hedging { get; } = new(options);

    /// <summary>Which shards failed lately.</summary>
    public ShardHealth Health { get; } = new(time);

    /// <summary>Ends when every Block was delivered whole or no place is left to ask for it. A shard's failure is not one of the read.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; what was delivered stays.</exception>
    public async Task ReadAsync(ShardRead read, ShardView view, CancellationToken cancellationToken)
    {
        using var run = new ShardReadRun(this, read, view, cancellationToken);
        await run.RunAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }
}
