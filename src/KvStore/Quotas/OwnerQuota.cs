using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Quotas;

/// <summary>
/// Bytes of memory by owner, against one quota for each. An owner over it makes room out of its own blocks before anybody else's go; blocks that are
/// pending, leased or read go on, so a quota never fails a request. Not thread-safe: the tier's lock guards it.
/// </summary>
/// <param name="quotaBytes">Of each owner.</param>
internal sealed class OwnerQuota(long quotaBytes)
{
    private readonly Dictionary<BlockId, OwnerUsage> _usage = [];
    private long _lastUse;

    /// <summary>Bytes by owner.</summary>
    public IEnumerable<KeyValuePair<BlockId, long>> Usage => _usage.Select(usage => KeyValuePair.Create(usage.Key, usage.Value.ByteCount));

    public void Charge(StoredBlock block, long sizeBytes)
    {
        if (block.Owner == default)
        {
            return;
        }

        if (!_usage.TryGetValue(block.Owner, out OwnerUsage? usage))
        {
            usage = new OwnerUsage();
            _usage.Add(block.Owner, usage);
        }

        usage.ByteCount += sizeBytes;
    }

    /// <summary>The block's bytes are free.</summary>
    public void Discharge(StoredBlock block)
    {
        if (_usage.TryGetValue(block.Owner, out OwnerUsage? usage))
        {
            usage.ByteCount -= block.ByteCount;
            if (usage.ByteCount == 0)
            {
                _usage.Remove(block.Owner);
            }
        }
    }

    /// <summary>The block is complete: it may go when its owner needs room.</summary>
    public void List(StoredBlock block)
    {
        if (_usage.TryGetValue(block.Owner, out OwnerUsage? usage))
        {
            block.UseNumber = _lastUse;
            usage.Blocks.Add(block);
        }
    }

    public void Unlist(StoredBlock block)
    {
        if (_usage.TryGetValue(block.Owner, out OwnerUsage? usage))
        {
            usage.Blocks.Remove(block);
        }
    }

    public void Use(IReadOnlyList<StoredBlock> chain)
    {
        _lastUse++;
        foreach (StoredBlock block in chain)
        {
            if (_usage.TryGetValue(block.Owner, out OwnerUsage? usage) && usage.Blocks.Remove(block))
            {
                block.UseNumber = _lastUse;
                usage.Blocks.Add(block);
            }
        }
    }

    /// <summary>Whether this many bytes more of this owner fit its quota, once blocks of its own have gone that may.</summary>
    public bool CanMakeRoom(BlockId owner, long sizeBytes)
    {
        if (!_usage.TryGetValue(owner, out OwnerUsage? usage))
        {
            return true;
        }

        long overBytes = usage.ByteCount + sizeBytes - quotaBytes;
        foreach (StoredBlock block in usage.Blocks)
        {
            if (overBytes <= 0)
            {
                break;
            }

            overBytes -= block.IsEvictable ? block.ByteCount : 0;
        }

        return overBytes <= 0;
    }

    /// <summary>The block to go so that <paramref name="sizeBytes"/> more of this owner fit its quota; null when they do, or none may go.</summary>
    public StoredBlock? NextToGo(BlockId owner, long sizeBytes) =>
        _usage.TryGetValue(owner, out OwnerUsage? usage) && usage.ByteCount + sizeBytes > quotaBytes
            ? usage.Blocks.FirstOrDefault(block => block.IsEvictable)
            : null;
}
