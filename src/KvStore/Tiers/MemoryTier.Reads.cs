using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Reads;

namespace KvCluster.KvStore.Tiers;

internal sealed partial class MemoryTier
{
    public ReadSession OpenRead(IReadOnlyList<BlockId> ids, BlockId owner = default)
    {
        var session = new ReadSession { OpenCursorCount = ids.Count, Owner = owner };
        lock (_lock)
        {
            DropExpiredLocked(Now);
            foreach (BlockId id in ids)
            {
                var cursor = new BlockCursor(session, id);
                session.Cursors.Add(cursor);
                session.Ready.Enqueue(cursor);
                BindLocked(cursor);
                if (cursor.Block is null)
                {
                    NoteBelowLocked(cursor);
                }
            }
        }

        return session;
    }

    public ReadStep Read(ReadSession session)
    {
        lock (_lock)
        {
            while (session.Ready.TryPeek(out BlockCursor? cursor))
            {
                if (cursor.IsClosed)
                {
                    session.Ready.Dequeue();
                    continue;
                }

                if (cursor.Block is null)
                {
                    BindLocked(cursor);
                }

                if (cursor is { Block: null, IsLost: true })
                {
                    cursor.IsLost = false;
                    cursor.WasCorrupt = true;
                    return new ReadStep(ReadStepKind.Lost, cursor, cursor.NextLayer);
                }

                if (cursor.Block is not { } block)
                {
                    session.Ready.Dequeue();
                    _waits.Add(cursor);
                    NoteBelowLocked(cursor);
                }
                else if (block.State == StoredBlockState.Aborted)
                {
                    CloseLocked(cursor);
                    return new ReadStep(ReadStepKind.Aborted, cursor, cursor.NextLayer, block.LayerCount);
                }
                else if (block.Slabs[cursor.NextLayer] is { } slab)
                {
                    int layer = cursor.NextLayer++;
                    bool isCutThrough = block.State == StoredBlockState.Pending;
                    if (cursor.NextLayer == block.LayerCount)
                    {
                        session.Ready.Dequeue();
                    }

                    return new ReadStep(ReadStepKind.Slab, cursor, layer, block.LayerCount, slab.Share(), isCutThrough);
                }
                else
                {
                    session.Ready.Dequeue();
                    _waits.Add(cursor);
                }
            }

            if (session.OpenCursorCount == 0)
            {
                return new ReadStep(ReadStepKind.Finished);
            }

            session.Wake ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ReadStep(ReadStepKind.Idle, IsFetching: session.FetchCount > 0, Wake: session.Wake.Task);
        }
    }

    public void Delivered(BlockCursor cursor)
    {
        lock (_lock)
        {
            StoredBlock? block = cursor.Block;
            CloseLocked(cursor);
            if (block is { IsTransient: true, IsAttached: true, LeaseCount: 0 })
            {
                DetachLocked(block);
            }
        }
    }

    public void ReportCorrupt(BlockCursor cursor, int layer)
    {
        lock (_lock)
        {
            // Another reader may have found it first, and then counted it.
            StoredBlock block = cursor.Block!;
            if (block.IsAttached)
            {
                Counters.CorruptSlab();
                DetachLocked(block);
            }

            bool wasLast = cursor.NextLayer == block.LayerCount;
            cursor.WasCorrupt = true;
            cursor.NextLayer = layer;
            cursor.Block = null;
            _table.Unpin(block);
            if (wasLast)
            {
                cursor.Session.Ready.Enqueue(cursor);
            }
        }
    }

    public IReadOnlyList<BlockCursor> CloseRead(ReadSession session)
    {
        lock (_lock)
        {
            BlockCursor[] unfinished = [.. session.Cursors.Where(cursor => !cursor.IsClosed)];
            foreach (BlockCursor cursor in unfinished)
            {
                if (!cursor.WasFound)
                {
                    Counters.MissedBlocks(1);
                }

                _waits.Remove(cursor);
                CloseLocked(cursor);
            }

            return unfinished;
        }
    }

    private void BindWaitingLocked(StoredBlock block)
    {
        foreach (BlockCursor cursor in _waits.Of(block.Id))
        {
            BindLocked(cursor);
        }
    }

    private void BindLocked(BlockCursor cursor)
    {
        // A copy with fewer layers than were read already is not a copy of the same block; it is waited past.
        if (cursor.Block is not null
            || !_table.TryFind(cursor.BlockId, out StoredBlock? block)
            || cursor.NextLayer >= block.LayerCount)
        {
            return;
        }

        cursor.Block = block;
        _table.Pin(block);
        if (!cursor.WasFound)
        {
            cursor.WasFound = true;
            Counters.FoundBlocks(1);
        }
    }

    private void CloseLocked(BlockCursor cursor)
    {
        cursor.IsClosed = true;
        cursor.Session.OpenCursorCount--;
        SetAheadLocked(cursor, false);
        if (cursor.Block is { } block)
        {
            cursor.Block = null;
            _table.Unpin(block);
        }
    }
}
