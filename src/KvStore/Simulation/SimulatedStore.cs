using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Traces;

namespace KvCluster.KvStore.Simulation;

/// <summary>
/// What a memory tier does with the requests of a trace, without the bytes: a Lookup leases the prefix that is held, what is missing is put while it
/// may not be evicted, and at the end of the request all of it is released.
/// </summary>
internal sealed class SimulatedStore(long capacityBytes, long blockBytes, IEvictionPolicy policy)
{
    private readonly Dictionary<BlockId, SimulatedBlock> _blocks = [];
    private readonly List<EvictionEntry> _held = [];
    private long _usedBytes;

    public long UsedBytes => _usedBytes;

    public int BlockCount => _blocks.Count;

    public long PromptBlockCount { get; private set; }

    /// <summary>Prompt blocks that were here and all blocks before them too.</summary>
    public long PrefixBlockCount { get; private set; }

    /// <summary>Prompt blocks that were here, of use or not.</summary>
    public long HeldBlockCount { get; private set; }

    public long PutBlockCount { get; private set; }

    public long EvictedBlockCount { get; private set; }

    public void Run(TraceRequest request)
    {
        _held.Clear();
        foreach (BlockId id in request.Prompt)
        {
            if (!_blocks.TryGetValue(id, out SimulatedBlock? block))
            {
                break;
            }

            _held.Add(block);
        }

        PromptBlockCount += request.Prompt.Count;
        PrefixBlockCount += _held.Count;
        HeldBlockCount += _held.Count + request.Prompt.Skip(_held.Count).Count(_blocks.ContainsKey);
        policy.Use(_held);
        foreach (EvictionEntry entry in _held)
        {
            Hold(entry);
        }

        int depth = _held.Count;
        foreach (BlockId id in request.Prompt.Skip(depth).Concat(request.Generated))
        {
            Put(id, depth++);
        }

        foreach (EvictionEntry entry in _held)
        {
            entry.IsHeld = false;
            policy.Release(entry);
        }
    }

    private void Put(BlockId id, int depth)
    {
        if (_blocks.TryGetValue(id, out SimulatedBlock? known))
        {
            Hold(known);
            _held.Add(known);
            return;
        }

        while (_usedBytes + blockBytes > capacityBytes)
        {
            if (policy.Evict() is not { } evicted)
            {
                return; // everything is held: the store refuses
            }

            _blocks.Remove(evicted.Id);
            _usedBytes -= evicted.ByteCount;
            EvictedBlockCount++;
        }

        var block = new SimulatedBlock(id, depth) { ByteCount = blockBytes };
        _blocks.Add(id, block);
        _usedBytes += blockBytes;
        PutBlockCount++;
        policy.Add(block);
        Hold(block);
        _held.Add(block);
    }

    private void Hold(EvictionEntry entry)
    {
        entry.IsHeld = true;
        policy.Hold(entry);
    }
}
