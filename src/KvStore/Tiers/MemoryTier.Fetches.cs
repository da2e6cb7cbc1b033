using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Reads;

namespace KvCluster.KvStore.Tiers;

/// <summary>Blocks that come up from the tier below for reads that want them.</summary>
internal sealed partial class MemoryTier
{
    /// <summary>Blocks of one read that are on their way or here and not delivered yet.</summary>
    private const int MaxBlocksAhead = 8;

    /// <summary>A cursor whose bad copies come up again and again is not served from below for ever.</summary>
    private const int MaxFetchesOfCursor = 3;

    private long _fetchingBytes;

    /// <summary>The next cursor whose block is to be fetched from below, counted as on its way; null when there is none, or no room.</summary>
    public BlockCursor? NextToFetch(ReadSession session)
    {
        lock (_lock)
        {
            while (session.BlocksAhead < MaxBlocksAhead && session.Below.TryPeek(out BlockCursor? cursor))
            {
                bool isWanted = cursor is { IsClosed: false, Block: null };
                if (!isWanted || !_below.TryGetSize(cursor.BlockId, out long sizeBytes))
                {
                    session.Below.Dequeue();
                    cursor.FetchState = FetchState.None;
                    continue;
                }

                // An owner at its quota has one block after the other come up, not several ahead.
                if (!_table.CanMakeRoom(sizeBytes + _fetchingBytes)
                    || (session.BlocksAhead > 0 && _table.Quota?.CanMakeRoom(session.Owner, sizeBytes + session.FetchingBytes) == false))
                {
                    return null;
                }

                session.Below.Dequeue();
                BeginFetchLocked(cursor, sizeBytes);
                return cursor;
            }

            return null;
        }
    }

    /// <summary>Whether a read wants blocks from below and nothing of it will move on by itself.</summary>
    public bool IsStarved(ReadSession session)
    {
        lock (_lock)
        {
            return session is { Below.Count: > 0, OpenCursorCount: > 0 } && session.BlocksAhead < MaxBlocksAhead;
        }
    }

    /// <summary>A verified block from below: stored, and pinned by the cursors that wait for it. Without room they wait on.</summary>
    public bool Promote(ColdBlock block, IReadOnlyList<BlockCursor> cursors)
    {
        lock (_lock)
        {
            DropExpiredLocked(Now);
            int newlyFoundCount = cursors.Count(cursor => cursor is { IsClosed: false, WasFound: false });
            bool isStored = TryStoreLocked(block, cursors.Select(cursor => cursor.Session.Owner).FirstOrDefault(owner => owner != default));
            foreach (BlockCursor cursor in cursors)
            {
                EndFetchLocked(cursor);
                if (cursor.IsClosed)
                {
                    continue;
                }

                if (isStored)
                {
                    BindLocked(cursor);
                }
                else
                {
                    SetAheadLocked(cursor, false);
                    cursor.FetchCount--;
                    NoteBelowLocked(cursor);
                }
            }

            _waits.Signal(block.Id);
            if (isStored)
            {
                Counters.PromotedBlock();
                Counters.FoundBelow(newlyFoundCount);
            }

            return isStored;
        }
    }

    /// <summary>A block does not come from below.</summary>
    /// <param name="cursors">Those that wait for it.</param>
    /// <param name="wasLost">There was one, and it could not be read: readers are told.</param>
    public void FailFetch(IReadOnlyList<BlockCursor> cursors, bool wasLost)
    {
        lock (_lock)
        {
            foreach (BlockCursor cursor in cursors)
            {
                EndFetchLocked(cursor);
                SetAheadLocked(cursor, false);
                cursor.IsLost = wasLost && !cursor.IsClosed;
                _waits.Signal(cursor.BlockId);
            }
        }
    }

    /// <summary>Those of these blocks that are neither here nor known to be below.</summary>
    public BlockId[] NotHeld(IReadOnlyList<BlockId> ids)
    {
        lock (_lock)
        {
            return [.. ids.Where(id => !_table.TryFind(id, out _) && !_below.TryGetSize(id, out _))];
        }
    }

    /// <summary>Lets reads that wait for blocks which are now known to be below ask for them.</summary>
    public void LookAgain(IReadOnlyList<BlockId> ids)
    {
        lock (_lock)
        {
            foreach (BlockId id in ids.Where(id => _waits.Of(id).Count > 0 && _below.TryGetSize(id, out _)))
            {
                _waits.Signal(id);
            }
        }
    }

    /// <summary>Complete blocks that may be written below, last used first, and then those in use.</summary>
    public BlockId[] BlocksForBelow()
    {
        lock (_lock)
        {
            IEnumerable<StoredBlock> inUse = _table.Attached.Where(block => block.State == StoredBlockState.Complete && !block.IsEvictable);
            return [.. inUse.Concat(_table.Evictable.Reverse()).Where(block => !block.IsTransient).Select(block => block.Id)];
        }
    }

    /// <summary>Shares of a complete block; null when it is gone.</summary>
    public ColdBlock? Share(BlockId id)
    {
        lock (_lock)
        {
            return _table.TryFind(id, out StoredBlock? block) && block is { State: StoredBlockState.Complete, IsTransient: false }
                ? ColdBlock.ShareOf(block)
                : null;
        }
    }

    /// <summary>Against whose quota a block counts; all zero: nobody's, or it is gone.</summary>
    public BlockId OwnerOf(BlockId id)
    {
        lock (_lock)
        {
            return _table.TryFind(id, out StoredBlock? block) ? block.Owner : default;
        }
    }

    private bool TryStoreLocked(ColdBlock source, BlockId owner)
    {
        bool isNew = !_table.TryFind(source.Id, out StoredBlock? block);
        if (block is not null && block.Identity != source.Identity)
        {
            return true;
        }

        long missingBytes = source.Slabs.Where((_, layer) => block?.Slabs[layer] is null).Sum(slab => slab.ReservedBytes);
        if (!_table.MakeRoom(missingBytes, block?.Owner ?? owner))
        {
            return false;
        }

        block ??= _table.Create(source.Id, source.Identity, isTransient: false, owner);
        SlabLease[] slabs = source.TakeSlabs();
        for (int layer = 0; layer < slabs.Length; layer++)
        {
            if (block.Slabs[layer] is null)
            {
                AddSlabLocked(block, layer, slabs[layer]);
            }
            else
            {
                slabs[layer].Dispose();
            }
        }

        if (isNew)
        {
            BindWaitingLocked(block);
        }

        return true;
    }

    private void NoteBelowLocked(BlockCursor cursor)
    {
        if (cursor is { FetchState: FetchState.None, FetchCount: < MaxFetchesOfCursor } && _below.TryGetSize(cursor.BlockId, out _))
        {
            cursor.FetchState = FetchState.Queued;
            cursor.Session.Below.Enqueue(cursor);
        }
    }

    private void BeginFetchLocked(BlockCursor cursor, long sizeBytes)
    {
        cursor.FetchState = FetchState.Running;
        cursor.FetchCount++;
        cursor.FetchBytes = sizeBytes;
        cursor.Session.FetchCount++;
        cursor.Session.FetchingBytes += sizeBytes;
        _fetchingBytes += sizeBytes;
        SetAheadLocked(cursor, true);
    }

    private void EndFetchLocked(BlockCursor cursor)
    {
        cursor.FetchState = FetchState.None;
        cursor.Session.FetchCount--;
        cursor.Session.FetchingBytes -= cursor.FetchBytes;
        _fetchingBytes -= cursor.FetchBytes;
    }

    private static void SetAheadLocked(BlockCursor cursor, bool isAhead)
    {
        if (cursor.IsAhead != isAhead)
        {
            cursor.IsAhead = isAhead;
            cursor.Session.BlocksAhead += isAhead ? 1 : -1;
        }
    }
}
