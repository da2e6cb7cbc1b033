using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>Which block is where, and what each segment holds. Not thread-safe: the tier's lock guards it.</summary>
internal sealed class DiskIndex
{
    private readonly Dictionary<BlockId, DiskRecord> _records = [];
    private readonly SortedList<long, Segment> _segments = [];
    private readonly Dictionary<BlockId, int> _holds = [];

    public int Count => _records.Count;

    public int HeldCount => _holds.Count;

    /// <summary>Oldest first.</summary>
    public IList<Segment> Segments => _segments.Values;

    public IEnumerable<DiskRecord> Records => _records.Values;

    /// <summary>Bytes of all segment files.</summary>
    public long SizeBytes => _segments.Values.Sum(segment => segment.SizeBytes);

    public long NextNumber => _segments.Count == 0 ? 1 : _segments.Keys[^1] + 1;

    /// <summary>The record of a block that is held.</summary>
    public bool TryFind(BlockId id, [NotNullWhen(true)] out DiskRecord? record) =>
        _records.TryGetValue(id, out record) && !record.IsUnreadable;

    /// <summary>The record of a block, also one that can't be read.</summary>
    public bool TryFindAny(BlockId id, [NotNullWhen(true)] out DiskRecord? record) => _records.TryGetValue(id, out record);

    public bool IsLive(DiskRecord record) => _records.TryGetValue(record.Entry.BlockId, out DiskRecord? live) && live == record;

    public bool IsHeld(BlockId id) => _holds.ContainsKey(id);

    public void Hold(BlockId id) => _holds[id] = _holds.GetValueOrDefault(id) + 1;

    public void Unhold(BlockId id)
    {
        if (_holds.TryGetValue(id, out int count))
        {
            if (count > 1)
            {
                _holds[id] = count - 1;
            }
            else
            {
                _holds.Remove(id);
            }
        }
    }

    public void Add(Segment segment) => _segments.Add(segment.Number, segment);

    /// <summary>A segment none of whose records are live any more.</summary>
    public void Remove(Segment segment) => _segments.Remove(segment.Number);

    /// <summary>The newest record of a block wins; older ones are dead.</summary>
    public DiskRecord Add(Segment segment, in RecordEntry entry, int footerIndex)
    {
        if (_records.TryGetValue(entry.BlockId, out DiskRecord? older))
        {
            Remove(older);
        }

        var record = new DiskRecord(segment, entry, footerIndex);
        _records.Add(entry.BlockId, record);
        segment.Records.Add(record);
        segment.LiveCount++;
        segment.LiveBytes += entry.LengthBytes;
        return record;
    }

    public void Remove(DiskRecord record)
    {
        _records.Remove(record.Entry.BlockId);
        record.Segment.LiveCount--;
        record.Segment.LiveBytes -= record.Entry.LengthBytes;
    }
}
