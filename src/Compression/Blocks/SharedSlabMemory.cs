using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks.Segments;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.Compression.Blocks;

/// <summary>
/// Memory of a pool that other processes of this machine may map and read: one sparse file, of which segments take parts, so that whoever has mapped it once finds
/// all slabs of today and tomorrow in it.
/// </summary>
/// <remarks>
/// Its first pages hold words, one for each reader, that say whether the reader may still trust what it finds: a slab that was lent to it may be overwritten as soon as
/// its word has another value.
/// </remarks>
public sealed unsafe class SharedSlabMemory
{
    /// <summary>Room for segments; takes up no memory by itself. Pools that outgrow it have private memory beyond.</summary>
    internal const long DefaultSizeBytes = 1L << 40;

    private const int WordsSizeBytes = NativePages.HugePageBytes;
    private const int WordCount = 1 << 16;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, long> _freeRanges = [];
    private readonly Stack<int> _freeWords = new();
    private readonly long* _words;
    private int _usedWordCount;
    private long _lastValue;

    private SharedSlabMemory(SafeFileHandle file, long sizeBytes, byte* words)
    {
        File = file;
        SizeBytes = sizeBytes;
        _words = (long*)words;
        _freeRanges[WordsSizeBytes] = sizeBytes - WordsSizeBytes;
    }

    /// <summary>To be passed to other processes.</summary>
    public SafeFileHandle File { get; }

    public long SizeBytes { get; }

    /// <summary>Null when this system, or the limits of this process, allow none.</summary>
    internal static SharedSlabMemory? TryCreate(long sizeBytes = DefaultSizeBytes)
    {
        if (SharedFile.TryCreate(sizeBytes) is not { } file)
        {
            return null;
        }

        byte* words = SharedFile.TryMap(file, 0, WordsSizeBytes);
        if (words is null)
        {
            file.Dispose();
            return null;
        }

        return new SharedSlabMemory(file, sizeBytes, words);
    }

    /// <summary>A word for one reader, and the value that it has until <see cref="CloseWord"/>. Never had before by any word.</summary>
    /// <returns>False when all words are in use.</returns>
    public bool TryOpenWord(out long offset, out long value)
    {
        lock (_lock)
        {
            if (!_freeWords.TryPop(out int word))
            {
                if (_usedWordCount == WordCount)
                {
                    (offset, value) = (0, 0);
                    return false;
                }

                word = _usedWordCount++;
            }

            offset = word * sizeof(long);
            value = ++_lastValue;
            Volatile.Write(ref _words[word], value);
            return true;
        }
    }

    /// <summary>From now on slabs that the reader was lent may be overwritten: it sees that they were.</summary>
    public void CloseWord(long offset)
    {
        int word = (int)(offset / sizeof(long));
        lock (_lock)
        {
            // Seen by other processors before anything that is written to the slabs afterwards.
            Interlocked.Exchange(ref _words[word], 0);
            _freeWords.Push(word);
        }
    }

    /// <summary>Whether a reader's word still has this value after all that was read before.</summary>
    /// <param name="start">Of the memory, as the reader has mapped it.</param>
    /// <param name="offset">Of the word.</param>
    /// <param name="value">That it had.</param>
    public static bool IsOpen(byte* start, long offset, long value)
    {
        Volatile.ReadBarrier();
        return Volatile.Read(ref *(long*)(start + offset)) == value;
    }

    /// <summary>Whether a word may be at this place.</summary>
    public static bool IsWord(long offset) => offset is >= 0 and < (long)WordCount * sizeof(long) && offset % sizeof(long) == 0;

    /// <summary>Part of the file for a segment.</summary>
    /// <param name="sizeBytes">A multiple of 2 MiB.</param>
    /// <param name="offset">Likewise.</param>
    /// <param name="start">Where it is mapped.</param>
    internal bool TryTake(long sizeBytes, out long offset, [NotNullWhen(true)] out byte* start)
    {
        start = null;
        offset = 0;
        lock (_lock)
        {
            foreach ((long free, long freeBytes) in _freeRanges)
            {
                if (freeBytes >= sizeBytes)
                {
                    offset = free;
                    break;
                }
            }

            if (offset == 0 || (start = SharedFile.TryMap(File, offset, sizeBytes)) is null)
            {
                return false;
            }

            _freeRanges.Remove(offset, out long had);
            if (had > sizeBytes)
            {
                _freeRanges[offset + sizeBytes] = had - sizeBytes;
            }

            return true;
        }
    }

    /// <summary>Takes such a part back; its memory goes back to the system, whoever has it mapped.</summary>
    internal void Return(long offset, long sizeBytes, byte* start)
    {
        SharedFile.Remove(start, sizeBytes);
        NativePages.Unmap(start, sizeBytes);
        lock (_lock)
        {
            _freeRanges[offset] = sizeBytes;
            Join(offset);
            if (_freeRanges.LastOrDefault(range => range.Key < offset) is { Value: > 0 } before && before.Key + before.Value == offset)
            {
                Join(before.Key);
            }
        }
    }

    private void Join(long offset)
    {
        long sizeBytes = _freeRanges[offset];
        if (_freeRanges.Remove(offset + sizeBytes, out long after))
        {
            _freeRanges[offset] = sizeBytes + after;
        }
    }
}
