using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// A tier below memory: it deals in whole, complete blocks, takes them in behind the request and gives them out verified. Thread-safe;
/// only <see cref="LocateAsync"/>, <see cref="ReadAsync"/> and <see cref="WaitForRoomAsync"/> take time.
/// </summary>
internal interface IColdTier : IAsyncDisposable
{
    public ColdCounters Counters { get; }

    /// <summary>Whether the block can be read, and how many bytes of memory that takes. Blocks that wait to be written count.</summary>
    public bool TryGetSize(BlockId id, out long sizeBytes);

    /// <summary>Whether what it holds is only known after <see cref="LocateAsync"/>.</summary>
    public bool MustBeAsked => false;

    /// <summary>
    /// Finds out which of these blocks the tier holds, where that takes I/O: afterwards <see cref="TryGetSize"/> knows. Takes no longer than
    /// the tier's own time limit, and a tier that can't be asked then holds nothing.
    /// </summary>
    /// <param name="ids">Blocks that are not known to be here.</param>
    /// <param name="isChain">Whether those after a missing one are of no use.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task LocateAsync(IReadOnlyList<BlockId> ids, bool isChain, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Keeps a block that is here from being dropped for room, until as many <see cref="Unhold"/>.</summary>
    public bool TryHold(BlockId id);

    public void Unhold(BlockId id);

    /// <summary>Takes over the block and writes it in the background. False, and it is disposed and counted, when it is skipped.</summary>
    public bool TryWrite(ColdBlock block);

    /// <summary>Returns when <see cref="TryWrite"/> may take a block again.</summary>
    public Task WaitForRoomAsync(CancellationToken cancellationToken);

    /// <summary>The block, verified, the caller's to dispose. Damage is dropped and counted. Never throws for the device's sake.</summary>
    public Task<ColdRead> ReadAsync(BlockId id);

    /// <summary>Forgets a block, held or not.</summary>
    public bool Drop(BlockId id);

    public ColdStat Stat();

    /// <summary>Returns when everything taken so far is written, or given up, and on the device.</summary>
    public Task FlushAsync(CancellationToken cancellationToken);
}
