using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>
/// Appends blocks to segment files. One thread at a time calls it; the index that it changes is shared, under <paramref name="gate"/>, which
/// is never held across I/O.
/// </summary>
internal sealed partial class SegmentLog(
    IDataFolder folder, DiskIndex index, Lock gate, DiskTierOptions options, ColdCounters counters, RecordCodec codec, ILogger logger)
{
    private long _nextNumber = index.NextNumber;
    private Segment? _active;
    private Task _flush = Task.CompletedTask;

    /// <summary>Bytes written since the last flush.</summary>
    public long UnflushedBytes { get; private set; }

    /// <summary>Stores a block. False when nothing more may be dropped for it.</summary>
    /// <exception cref="IOException">The disk is full or failed; the block is not stored.</exception>
    public bool TryAppend(ColdBlock block)
    {
        long length = codec.LengthOf(block);
        if (length > int.MaxValue || !TryMakeRoom(length))
        {
            return false;
        }

        Append(block, (int)length, carriedFrom: null);
        return true;
    }

    /// <summary>Returns when everything appended is on the device.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush()
    {
        EndFlush();
        _active?.File.Flush();
        UnflushedBytes = 0;
    }

    /// <summary>Begins to bring what was appended to the device, beside further appends; nothing when that is still under way.</summary>
    /// <exception cref="IOException">The device failed the last time.</exception>
    public void StartFlush()
    {
        if (_flush.IsCompleted)
        {
            EndFlush();
            UnflushedBytes = 0;
            _flush = _active is { } segment ? Task.Run(() => Flush(segment)) : Task.CompletedTask;
        }
    }

    /// <summary>Ends the active segment with its footer. A footer that can't be written is done without: the segment is scanned at start.</summary>
    public void Seal()
    {
        if (_active is not { } segment)
        {
            return;
        }

        _active = null;
        RecordEntry[] entries;
        lock (gate)
        {
            DiskRecord[] live = [.. segment.Records.Where(index.IsLive)];
            for (int i = 0; i < live.Length; i++)
            {
                live[i].FooterIndex = i;
            }

            entries = Array.ConvertAll(live, record => record.Entry);
        }

        try
        {
            segment.File.Write([SegmentFooter.Create(entries, segment.EndOffset)], segment.EndOffset);
            segment.File.Flush();
            UnflushedBytes = 0;
        }
        catch (IOException error)
        {
            counters.FailedWrite();
            Log.SegmentNotSealed(logger, segment.FileName, error.Message);
            TryTruncate(segment);
            lock (gate)
            {
                segment.Records.ForEach(record => record.FooterIndex = -1);
            }
        }

        lock (gate)
        {
            segment.SizeBytes = segment.File.SizeBytes;
            segment.IsSealed = true;
        }
    }

    /// <summary>Makes a dropped record stay dropped over a restart.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void MarkDropped(DiskRecord record)
    {
        lock (gate)
        {
            if (record.Segment.IsRetired)
            {
                return;
            }
        }

        byte[] mark = [1, 0, 0, 0];
        record.Segment.File.Write([mark], record.Entry.Offset + RecordHeader.DroppedOffset);
        if (record.FooterIndex >= 0)
        {
            record.Segment.File.Write(
                [mark], record.Segment.EndOffset + ((long)record.FooterIndex * RecordEntry.SizeBytes) + RecordEntry.DroppedOffset);
        }
    }

    private void EndFlush()
    {
        Task flush = _flush;
        _flush = Task.CompletedTask;
        flush.GetAwaiter().GetResult();
    }

    private static void Flush(Segment segment)
    {
        try
        {
            segment.File.Flush();
        }
        catch (ObjectDisposedException)
        {
            // Sealed, which flushes too, and reclaimed before this began.
        }
    }

    private void Append(ColdBlock block, int lengthBytes, DiskRecord? carriedFrom)
    {
        if (_active is not null && _active.EndOffset > SegmentHeader.SizeBytes && _active.EndOffset + lengthBytes > options.SegmentSizeBytes)
        {
            Seal();
        }

        Segment segment = _active ??= CreateSegment();
        using EncodedRecord record = codec.Encode(block);

        // Accounted for first: at no instant are the files longer than the index says.
        lock (gate)
        {
            segment.SizeBytes = segment.EndOffset + lengthBytes + SegmentFooter.SizeBytes(segment.Records.Count + 1);
        }

        try
        {
            segment.File.Write(record.Parts, segment.EndOffset);
        }
        catch (IOException)
        {
            // What was written of the record would be found by a scan and refused; without it the segment can be appended to again.
            if (TryTruncate(segment))
            {
                AccountFor(segment);
            }
            else
            {
                Abandon(segment);
            }

            throw;
        }

        UnflushedBytes += lengthBytes;
        var entry = new RecordEntry(block.Id, segment.EndOffset, lengthBytes, block.LayerCount);
        lock (gate)
        {
            segment.EndOffset += lengthBytes;
            if (carriedFrom is null || index.IsLive(carriedFrom))
            {
                index.Add(segment, entry, -1);
            }

            AccountFor(segment);
        }
    }

    private void AccountFor(Segment segment)
    {
        lock (gate)
        {
            segment.SizeBytes = segment.EndOffset + SegmentFooter.SizeBytes(segment.Records.Count);
        }
    }

    private Segment CreateSegment()
    {
        long number = _nextNumber++;
        string name = SegmentHeader.FileName(number);
        IDiskFile file = folder.Create(name);
        try
        {
            file.Write([SegmentHeader.Create(number, codec.Cipher.IsSealing)], 0);
        }
        catch (IOException)
        {
            file.Dispose();
            TryDelete(name);
            throw;
        }

        var segment = new Segment(number, file);
        lock (gate)
        {
            index.Add(segment);
        }

        return segment;
    }

    private bool TryTruncate(Segment segment)
    {
        try
        {
            segment.File.Truncate(segment.EndOffset);
            return true;
        }
        catch (IOException error)
        {
            Log.SegmentNotCut(logger, segment.FileName, error.Message);
            return false;
        }
    }

    private void Abandon(Segment segment)
    {
        _active = null;
        lock (gate)
        {
            segment.SizeBytes = Math.Max(segment.File.SizeBytes, segment.EndOffset);
            segment.IsSealed = true;
        }
    }

    private void TryDelete(string name)
    {
        try
        {
            folder.Delete(name);
        }
        catch (IOException error)
        {
            Log.SegmentNotDeleted(logger, name, error.Message);
        }
    }
}
