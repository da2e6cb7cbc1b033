using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Puts new blocks and reads everything put so far, again and again; slabs are compared with their source.</summary>
/// <param name="client">Whose reads and writes.</param>
/// <param name="refresh">Called before each pass, as a heartbeat would.</param>
internal sealed class ShardLoad(ShardClient client, Action refresh)
{
    private const int BlocksAPass = 12;

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
        for (int next = 0; !_isStopped; next += BlocksAPass)
        {
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
            MissedCount += safe.Length - (await client.ReadAsync(safe)).Count;
            _passCount++;
        }
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
