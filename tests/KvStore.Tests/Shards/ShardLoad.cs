using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>
/// Puts new blocks and reads the newest and some older ones, again and again, and everything at the end; slabs are compared with their source.
/// </summary>
/// <param name="client">Whose reads and writes.</param>
/// <param name="refresh">Called before each pass, as a heartbeat would.</param>
internal sealed class ShardLoad(ShardClient client, Action refresh)
{
    private const int BlocksAPass = 6;
    private const int ReadsAPass = 60;

    private readonly List<BlockId> _safe = [];
    private Task _running = Task.CompletedTask;
    private volatile bool _isStopped;
    private volatile int _passCount;

    /// <summary>Blocks that were acknowledged and could not be read later.</summary>
    public int MissedCount { get; private set; }

    /// <summary>Passes whose put failed.</summary>
    public int FailedPutCount { get; private set; }

    /// <summary>Blocks that were acknowledged.</summary>
    public BlockId[] SafeIds()
    {
        lock (_safe)
        {
            return [.. _safe];
        }
    }

    public void Start() => _running = Task.Run(async () =>
    {
        var random = new Random(5);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (int next = 0; !_isStopped; next += BlocksAPass)
        {
            await pace.WaitForNextTickAsync();
            refresh();
            BlockId[] ids = [.. Enumerable.Range(next, BlocksAPass).Select(TestSlabs.Id)];
            try
            {
                await client.PutAsync(ids);
                lock (_safe)
                {
                    _safe.AddRange(ids);
                }
            }
            catch (RpcException)
            {
                FailedPutCount++;
            }

            BlockId[] safe = SafeIds();
            BlockId[] read = [.. safe.TakeLast(2 * BlocksAPass).Union(random.GetItems(safe, safe.Length > 0 ? ReadsAPass : 0))];
            MissedCount += read.Length - (await client.ReadAsync(read)).Count;
            _passCount++;
        }

        BlockId[] all = SafeIds();
        MissedCount += all.Length - (await client.ReadAsync(all)).Count;
    });

    /// <summary>So many more passes have begun and ended.</summary>
    public async Task PassesAsync(int count)
    {
        int from = _passCount;
        await Eventually.TrueAsync(() => _passCount > from + count || _running.IsCompleted);
        if (_running.IsCompleted)
        {
            await _running;
        }
    }

    public Task StopAsync()
    {
        _isStopped = true;
        return _running.Soon();
    }
}
