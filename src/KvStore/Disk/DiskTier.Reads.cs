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

                if (_queue.IsClosed || !_index.TryFind(id, out record))
                {
                    return default;
                }

                record.Segment.ReaderCount++;
            }

            ColdBlock? block = await Task.Run(() => Read(record));
            if (End(record, block))
            {
                return new ColdRead(block, WasLost: block is null);
            }
        }
    }

    private ColdBlock? Read(DiskRecord record)
    {
        try
        {
            return RecordReader.Read(record.Segment.File, record.Entry, _pool);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            Counters.FailedRead();
            Log.ReadFailed(_logger, record.Entry.BlockId, record.Segment.FileName, error.Message);
            return null;
        }
    }

    /// <summary>False when a record that could not be read is out of date, and the block is to be looked up again.</summary>
    private bool End(DiskRecord record, ColdBlock? block)
    {
        bool isLost = false;
        bool isLast;
        lock (_lock)
        {
            isLast = --record.Segment.ReaderCount == 0 && record.Segment.IsRetired;
            record.WasUsed = true;
            if (block is null && _index.IsLive(record))
            {
                isLost = true;
                _index.Remove(record);
                _queue.AddDrop(record);
            }
        }

        if (isLast)
        {
            record.Segment.File.Dispose();
        }

        if (block is not null)
        {
            Counters.Read(block.SizeBytes);
        }
        else if (isLost)
        {
            Counters.Corrupt(1);
            Log.RecordCorrupt(_logger, record.Entry.BlockId, record.Segment.FileName, record.Entry.Offset);
        }

        return block is not null || isLost;
    }
}
