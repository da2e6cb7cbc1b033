namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Which ranges of an arena are free: first fit, neighbours joined on release. Pure bookkeeping; not for many threads at once.</summary>
internal sealed class ArenaRanges
{
    private readonly SortedList<long, long> _free = [];
    private readonly Dictionary<long, long> _used = [];
    private readonly long _alignment;

    /// <param name="sizeBytes">Of the arena; a multiple of the alignment.</param>
    /// <param name="alignment">Of every range.</param>
    public ArenaRanges(long sizeBytes, long alignment)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(alignment);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(sizeBytes % alignment, 0);
        SizeBytes = sizeBytes;
        _alignment = alignment;
        _free.Add(0, sizeBytes);
    }

    public long SizeBytes { get; }

    public long UsedBytes { get; private set; }

    /// <summary>Takes a range of at least <paramref name="sizeBytes"/>.</summary>
    public bool TryAllocate(long sizeBytes, out long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        long length = (sizeBytes + _alignment - 1) / _alignment * _alignment;
        for (int i = 0; i < _free.Count; i++)
        {
            long room = _free.GetValueAtIndex(i);
            if (room < length)
            {
                continue;
            }

            offset = _free.GetKeyAtIndex(i);
            _free.RemoveAt(i);
            if (room > length)
            {
                _free.Add(offset + length, room - length);
            }

            _used.Add(offset, length);
            UsedBytes += length;
            return true;
        }

        offset = 0;
        return false;
    }

    /// <exception cref="InvalidOperationException">No range begins there.</exception>
    public void Release(long offset)
    {
        if (!_used.Remove(offset, out long length))
        {
            throw new InvalidOperationException($"No range of the arena begins at {offset}.");
        }

        UsedBytes -= length;
        _free.Add(offset, length);
        int index = _free.IndexOfKey(offset);
        JoinWithNext(index);
        if (index > 0)
        {
            JoinWithNext(index - 1);
        }
    }

    /// <summary>Null, or what is wrong: free and used ranges must cover the arena, apart, with no free neighbours.</summary>
    public string? CheckIntegrity()
    {
        long at = 0;
        bool wasFree = false;
        foreach ((long offset, long length, bool isFree) in _free.Select(r => (r.Key, r.Value, true)).Concat(_used.Select(r => (r.Key, r.Value, false))).OrderBy(r => r.Key))
        {
            if (offset != at || (isFree && wasFree))
            {
                return $"The range at {offset} should begin at {at}, or join the free one before it.";
            }

            at += length;
            wasFree = isFree;
        }

        return at == SizeBytes && UsedBytes == _used.Values.Sum() ? null : $"Ranges end at {at} of {SizeBytes}; {UsedBytes} bytes are counted as used.";
    }

    private void JoinWithNext(int index)
    {
        long offset = _free.GetKeyAtIndex(index);
        long end = offset + _free.GetValueAtIndex(index);
        if (index + 1 < _free.Count && _free.GetKeyAtIndex(index + 1) == end)
        {
            _free.SetValueAtIndex(index, _free.GetValueAtIndex(index) + _free.GetValueAtIndex(index + 1));
            _free.RemoveAt(index + 1);
        }
    }
}
