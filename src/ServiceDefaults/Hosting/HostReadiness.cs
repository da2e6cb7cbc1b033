namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Whether a host wants work. Ready by itself once started; a host may hold it back by <see cref="Block"/>.</summary>
public sealed class HostReadiness
{
    private readonly Lock _lock = new();
    private readonly Dictionary<object, string> _reasons = [];
    private bool _isStarted;
    private bool _isDraining;

    public bool IsReady
    {
        get
        {
            lock (_lock)
            {
                return _isStarted && !_isDraining && _reasons.Count == 0;
            }
        }
    }

    public bool IsDraining
    {
        get
        {
            lock (_lock)
            {
                return _isDraining;
            }
        }
    }

    /// <summary>Why the host is not ready; "ready" when it is.</summary>
    public string Describe()
    {
        lock (_lock)
        {
            return _isDraining ? "draining"
                : !_isStarted ? "starting"
                : _reasons.Count == 0 ? "ready"
                : string.Join("; ", _reasons.Values);
        }
    }

    /// <summary>Not ready, for <paramref name="reason"/>, until <see cref="Unblock"/> with the same owner.</summary>
    public void Block(object owner, string reason)
    {
        lock (_lock)
        {
            _reasons[owner] = reason;
        }
    }

    public void Unblock(object owner)
    {
        lock (_lock)
        {
            _reasons.Remove(owner);
        }
    }

    internal void Started()
    {
        lock (_lock)
        {
            _isStarted = true;
        }
    }

    internal void Drain()
    {
        lock (_lock)
        {
            _isDraining = true;
        }
    }
}
