using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;

namespace KvCluster.KvStore.Disk;

internal sealed partial class DiskTier
{
    public async Task<ColdRead> ReadAsync(BlockId id)
    {
        while (true)
        {
            DiskRecord? record;
            lock (_lock)
            {
                if (_queue.TryFind(id, out ColdBlock? queued))
                {
                    return new ColdRead(queued.Share());
                }

                if (_isDisposed || !_index.TryFind(id, out record))
                {
                    return default;
                }

                record.Segment.ReaderCount++;
            }

            RecordRead read;
            try
            {
                read = await Task.Run(() => Read(record));
            }
            catch
            {
                Leave(record);
                throw;
            }

            if (End(record, read))
            {
                return new ColdRead(read.Block, WasLost: read.Fault == RecordFault.Damaged);
            }
        }
    }

    private RecordRead Read(DiskRecord record)
    {
        try
        {
            return _codec.Read(record.Segment.File, record.Entry);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            Counters.FailedRead();
            Log.ReadFailed(_logger, record.Entry.BlockId, record.Segment.FileName, error.Message);
            return RecordRead.Damaged;
        }
    }

    /// <summary>False when a record that could not be read is out of date, and the block is to be looked up again.</summary>
    private bool End(DiskRecord record, in RecordRead read)
    {
        bool isLost = false;
        lock (_lock)
        {
            record.WasUsed = true;
            if (read.Block is null && _index.IsLive(record))
            {
                isLost = true;
                record.IsUnreadable = read.Fault != RecordFault.Damaged;
                if (!record.IsUnreadable)
                {
                    _index.Remove(record);
                    _queue.AddDrop(record);
                }
            }
        }

        Leave(record);
        if (read.Block is { } block)
        {
            Counters.Read(block.SizeBytes);
        }
        else if (isLost)
        {
            Log.RecordNotRead(_logger, Counters, _codec.Cipher, read, record);
        }

        return read.Block is not null || isLost;
    }

    private void Leave(DiskRecord record)
    {
        bool isLast;
        lock (_lock)
        {
            isLast = --record.Segment.ReaderCount == 0 && record.Segment.IsRetired;
        }

        if (isLast)
        {
            record.Segment.File.Dispose();
        }
    }
}
