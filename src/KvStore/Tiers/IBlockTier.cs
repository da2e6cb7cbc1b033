using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// A place that holds blocks. Every call but <see cref="LocateAsync"/> is short and does no I/O; waiting is the caller's, on <see cref="ReadStep.Wake"/>. Thread-safe.
/// </summary>
internal interface IBlockTier
{
    public StoreCounters Counters { get; }

    /// <summary>The tiers below, the faster first.</summary>
    public IReadOnlyList<IColdTier> ColdTiers => [];

    /// <summary>Notes the current incarnation of a worker: Puts of older ones are refused from now on.</summary>
    public void NoteEpoch(string workerId, ulong epoch);

    /// <summary>Begins a Put of blocks that count against the quota of <paramref name="owner"/>. Null when a newer incarnation of the worker has written.</summary>
    public PutSession? BeginPut(string workerId, ulong epoch, BlockId owner = default);

    /// <summary>Takes over the slab, also when it is not stored.</summary>
    public PutOutcome Add(PutSession session, in VerifiedSlab slab);

    /// <summary>
    /// Ends a Put, whole or broken off. Blocks that it left incomplete and that no other Put works on are dropped, and their readers
    /// see <see cref="ReadStepKind.Aborted"/>.
    /// </summary>
    /// <returns>Blocks dropped.</returns>
    public int EndPut(PutSession session);

    /// <summary>
    /// Begins a read; the blocks that are here can't be evicted until it has read or closed them. Those that come up from below count against the quota of
    /// <paramref name="owner"/>.
    /// </summary>
    public ReadSession OpenRead(IReadOnlyList<BlockId> ids, BlockId owner = default);

    /// <summary>The next thing to do for this read.</summary>
    public ReadStep Read(ReadSession session);

    /// <summary>The last layer of the cursor's block was delivered.</summary>
    public void Delivered(BlockCursor cursor);

    /// <summary>The slab of this layer is bad: its copy is dropped, and the cursor waits for a fresh one from that layer on.</summary>
    public void ReportCorrupt(BlockCursor cursor, int layer);

    /// <summary>Gives up the blocks that are not read to their end.</summary>
    /// <returns>Their cursors, in the order asked for.</returns>
    public IReadOnlyList<BlockCursor> CloseRead(ReadSession session);

    /// <summary>
    /// Asks lower tiers that can't be known without I/O what they hold of these blocks; reads that wait for one see it then. Takes time, but no
    /// longer than such a tier's own limit.
    /// </summary>
    /// <param name="ids">Blocks that are wanted.</param>
    /// <param name="isChain">Whether those after a missing one are of no use.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task LocateAsync(IReadOnlyList<BlockId> ids, bool isChain, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Leading blocks that are complete; leased when <paramref name="leaseTime"/> is over 0 and any are.</summary>
    public int Lookup(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId);

    /// <summary>Which blocks are complete, in the order of <paramref name="ids"/>; leased when <paramref name="leaseTime"/> is over 0 and any are.</summary>
    public bool[] LookupEvery(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId);

    /// <summary>
    /// Keeps leading blocks, or with <paramref name="every"/> all, that are complete from being evicted, until the time is over or
    /// <see cref="ReleaseLease"/> names the pin.
    /// </summary>
    public PinOutcome Pin(IReadOnlyList<BlockId> ids, TimeSpan pinTime, bool every = false);

    public bool TryRenewLease(string leaseId, TimeSpan leaseTime);

    public void ReleaseLease(string leaseId);

    /// <summary>Forgets a block, leased or not. Readers that have begun a complete copy finish it.</summary>
    public bool Drop(BlockId id);

    public TierStat Stat();
}
