using System.Diagnostics;

namespace KvCluster.KvStore.Eviction;

/// <summary>A doubly linked list through the entries themselves; an entry is in at most one.</summary>
internal class EntryQueue
{
    public EvictionEntry? First { get; private set; }

    public EvictionEntry? Last { get; private set; }

    public int Count { get; private set; }

    public long ByteCount { get; private set; }

    public IEnumerable<EvictionEntry> Entries
    {
        get
        {
            for (EvictionEntry? entry = First; entry is not null; entry = entry.Next)
            {
                yield return entry;
            }
        }
    }

    public void AddLast(EvictionEntry entry)
    {
        Debug.Assert(entry.Queue is null, "the entry is in a queue");
        entry.Queue = this;
        entry.Previous = Last;
        if (Last is null)
        {
            First = entry;
        }
        else
        {
            Last.Next = entry;
        }

        Last = entry;
        Count++;
        ByteCount += entry.ByteCount;
    }

    public void Remove(EvictionEntry entry)
    {
        Debug.Assert(entry.Queue == this, "the entry is not in this queue");
        if (entry.Previous is null)
        {
            First = entry.Next;
        }
        else
        {
            entry.Previous.Next = entry.Next;
        }

        if (entry.Next is null)
        {
            Last = entry.Previous;
        }
        else
        {
            entry.Next.Previous = entry.Previous;
        }

        entry.Queue = null;
        entry.Previous = null;
        entry.Next = null;
        Count--;
        ByteCount -= entry.ByteCount;
    }
}
