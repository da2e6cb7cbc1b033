namespace KvCluster.Protocol.Shards;

/// <summary>
/// When a read that has got nothing yet asks a replica too (Dean and Barroso, The Tail at Scale, 2013): after the shard's own recent p95, at
/// least a minimum, and within a budget, so that a cluster that is slow as a whole is not asked for more. Thread-safe; no clock.
/// </summary>
public sealed class HedgePolicy(ShardReadOptions options)
{
    /// <summary>Hedges that may come at once after a calm time.</summary>
    public const double MaxSavedHedges = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LatencyWindow> _windows = new(StringComparer.Ordinal);
    private double _savedHedges = 1;

    /// <summary>A first slab came from a shard after this time, or had not come by then.</summary>
    public void NoteFirstSlab(string address, TimeSpan time)
    {
        lock (_lock)
        {
            if (!_windows.TryGetValue(address, out LatencyWindow? window))
            {
                _windows.Add(address, window = new LatencyWindow());
            }

            window.Add(time);
        }
    }

    /// <summary>Counts a read that could be hedged, and says after what time without a slab it may be.</summary>
    public TimeSpan Begin(string address)
    {
        lock (_lock)
        {
            _savedHedges = Math.Min(_savedHedges + options.HedgeShare, MaxSavedHedges);
            TimeSpan p95 = _windows.TryGetValue(address, out LatencyWindow? window) ? window.P95() ?? TimeSpan.Zero : TimeSpan.Zero;
            return p95 > options.HedgeMinDelay ? p95 : options.HedgeMinDelay;
        }
    }

    /// <summary>Whether the budget has room for one more hedge, which is then taken.</summary>
    public bool TryHedge()
    {
        lock (_lock)
        {
            if (options.HedgeShare <= 0 || _savedHedges < 1)
            {
                return false;
            }

            _savedHedges--;
            return true;
        }
    }
}
