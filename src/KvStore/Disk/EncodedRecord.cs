using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Disk;

/// <summary>A block as the bytes of its record.</summary>
internal sealed class EncodedRecord : IDisposable
{
    private readonly IReadOnlyList<SlabLease> _owned;

    /// <param name="lengthBytes">Of the record.</param>
    /// <param name="head">Header and table.</param>
    /// <param name="slabs">What follows.</param>
    /// <param name="owned">Those that are disposed with this.</param>
    public EncodedRecord(int lengthBytes, byte[] head, IReadOnlyList<SlabLease> slabs, IReadOnlyList<SlabLease> owned)
    {
        LengthBytes = lengthBytes;
        _owned = owned;
        var parts = new List<ReadOnlyMemory<byte>>(slabs.Count + 2) { head };
        parts.AddRange(slabs.Select(slab => (ReadOnlyMemory<byte>)slab.Memory));
        int paddingBytes = lengthBytes - parts.Sum(part => part.Length);
        if (paddingBytes > 0)
        {
            parts.Add(new byte[paddingBytes]);
        }

        Parts = parts;
    }

    public int LengthBytes { get; }

    /// <summary>To be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts { get; }

    public byte[] ToArray()
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(LengthBytes);
        int offset = 0;
        foreach (ReadOnlyMemory<byte> part in Parts)
        {
            part.Span.CopyTo(bytes.AsSpan(offset));
            offset += part.Length;
        }

        return bytes;
    }

    public void Dispose()
    {
        foreach (SlabLease slab in _owned)
        {
            slab.Dispose();
        }
    }
}
