namespace KvCluster.Protocol.Shards;

/// <summary>
/// Which shards failed lately: they are asked last, and not at all where there is another way to go on. A failure counts for half a second, and twice as
/// long each time until a call succeeds, up to 8 s. Thread-safe.
/// </summary>
public sealed class ShardHealth(TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(8);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Failure> _failures = new(StringComparer.Ordinal);

    public bool IsSuspect(string address)
    {
        lock (_lock)
        {
            return _failures.TryGetValue(address, out Failure failure) && time.GetElapsedTime(failure.At) < failure.Pause;
        }
    }

    public void NoteFailure(string address)
    {
        lock (_lock)
        {
            // Calls that fail together are one failure.
            bool isKnown = _failures.TryGetValue(address, out Failure known);
            if (isKnown && time.GetElapsedTime(known.At) < known.Pause)
            {
                return;
            }

            TimeSpan pause = !isKnown ? FirstPause : known.Pause * 2 > LongestPause ? LongestPause : known.Pause * 2;
            _failures[address] = new Failure(time.GetTimestamp(), pause);
        }
    }

    public void NoteSuccess(string address)
    {
        lock (_lock)
        {
            _failures.Remove(address);
        }
    }

    private readonly record struct Failure(long At, TimeSpan Pause);
}
