using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

internal sealed partial class DiskTier
{
    /// <summary>Proves that index, segments, files and budget agree; for tests, after every scenario, when nothing is queued or read.</summary>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void CheckIntegrity()
    {
        lock (_lock)
        {
            Require(_queue.IsEmpty == (_queue.Count == 0) && (_queue.Count > 0 || _queue.SizeBytes == 0), "the queue is miscounted");
            Require(_index.SizeBytes <= _options.BudgetBytes, $"{_index.SizeBytes} bytes are over the budget of {_options.BudgetBytes}");
            foreach (Segment segment in _index.Segments)
            {
                DiskRecord[] live = [.. segment.Records.Where(_index.IsLive)];
                Require(live.Length == segment.LiveCount, $"{segment.FileName} counts {segment.LiveCount} blocks and has {live.Length}");
                Require(
                    live.Sum(record => (long)record.Entry.LengthBytes) == segment.LiveBytes, $"{segment.FileName} miscounts its bytes");
                Require(segment.File.SizeBytes <= segment.SizeBytes, $"{segment.FileName} is longer than is accounted for");
                Require(segment is { ReaderCount: 0, IsRetired: false }, $"{segment.FileName} is read, or retired and still found");
                Require(
                    live.All(record => record.Entry.Offset >= SegmentHeader.SizeBytes && record.Entry.Offset + record.Entry.LengthBytes <= segment.EndOffset),
                    $"{segment.FileName} has a block outside its records");
            }

            Require(_index.Segments.Sum(segment => segment.LiveCount) == _index.Count, "a block is in no segment");
            Require(_index.Records.All(record => _index.Segments.Contains(record.Segment)), "a block is in a segment that is gone");
        }
    }

    /// <summary>Bytes accounted for and not in the files yet: the footer to come.</summary>
    internal long ActiveFooterBytes()
    {
        lock (_lock)
        {
            return _index.Segments.Where(segment => !segment.IsSealed).Sum(segment => segment.SizeBytes - segment.EndOffset);
        }
    }

    /// <summary>Reads under way.</summary>
    internal int ReaderCount()
    {
        lock (_lock)
        {
            return _index.Segments.Sum(segment => segment.ReaderCount);
        }
    }

    private static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"The disk tier is broken: {problem}.");
        }
    }
}
