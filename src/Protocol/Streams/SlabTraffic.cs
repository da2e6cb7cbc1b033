namespace KvCluster.Protocol.Streams;

/// <summary>What connections carry by reference, sent or received. Thread-safe.</summary>
public sealed class SlabTraffic
{
    private long _slabCount;
    private long _byteCount;

    public long ReferredSlabCount => Interlocked.Read(ref _slabCount);

    public long ReferredByteCount => Interlocked.Read(ref _byteCount);

    internal void Note(int sizeBytes)
    {
        Interlocked.Increment(ref _slabCount);
        Interlocked.Add(ref _byteCount, sizeBytes);
    }
}
