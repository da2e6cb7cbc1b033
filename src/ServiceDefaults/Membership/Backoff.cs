namespace KvCluster.ServiceDefaults.Membership;

/// <summary>Waits between tries: doubling from 100 ms to 3 s, each shortened by up to half so that workers do not come all at once.</summary>
internal sealed class Backoff(Random random)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);
    private TimeSpan _next = First;

    public void Reset() => _next = First;

    public TimeSpan Next()
    {
        TimeSpan wait = _next * (1 - random.NextDouble() / 2);
        _next = _next * 2 > Longest ? Longest : _next * 2;
        return wait;
    }
}
