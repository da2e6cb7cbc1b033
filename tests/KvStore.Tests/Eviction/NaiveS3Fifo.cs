namespace KvCluster.KvStore.Tests.Eviction;

/// <summary>S3-FIFO the obvious way: two lists of numbers, oldest first, everything searched. All entries have one size.</summary>
internal sealed class NaiveS3Fifo(int capacity, int entryBytes)
{
    private readonly List<int> _small = [];
    private readonly List<int> _main = [];
    private readonly List<int> _ghosts = [];
    private readonly Dictionary<int, int> _uses = [];
    private readonly HashSet<int> _held = [];
    private readonly Dictionary<int, bool> _waitingForSmall = [];

    public void Add(int number)
    {
        _uses[number] = 0;
        (_ghosts.Remove(number) ? _main : _small).Add(number);
    }

    public void Use(int number) => _uses[number] = Math.Min(3, _uses[number] + 1);

    public void Hold(int number) => _held.Add(number);

    public void Release(int number)
    {
        _held.Remove(number);
        if (_waitingForSmall.Remove(number, out bool isSmall))
        {
            (isSmall ? _small : _main).Add(number);
        }
    }

    public void Remove(int number)
    {
        _small.Remove(number);
        _main.Remove(number);
        _waitingForSmall.Remove(number);
        _held.Remove(number);
    }

    public int? Evict()
    {
        while (_small.Count + _main.Count > 0)
        {
            bool fromSmall = _main.Count == 0 || (_small.Count > 0 && _small.Count * entryBytes >= capacity / 10);
            List<int> queue = fromSmall ? _small : _main;
            int oldest = queue[0];
            queue.RemoveAt(0);
            if (_held.Contains(oldest))
            {
                _waitingForSmall[oldest] = fromSmall;
            }
            else if (_uses[oldest] == 0)
            {
                if (fromSmall)
                {
                    _ghosts.Add(oldest);
                }

                return oldest;
            }
            else
            {
                _uses[oldest] = fromSmall ? 0 : _uses[oldest] - 1;
                _main.Add(oldest);
            }
        }

        return null;
    }
}
