using Grpc.Core;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Shards;

/// <summary>
/// Puts slabs to all homes of their Blocks, one call a shard. A Block is safe once one home has it: a home that fails, or that is
/// slow while another is not, is given up. Not thread-safe.
/// </summary>
/// <remarks>
/// A Block stays with the homes that it had at its first slab, whatever becomes of the membership meanwhile: readers look there too. A Tail goes to one home
/// only: it is read once, and soon.
/// </remarks>
/// <param name="connections">To the shards.</param>
/// <param name="view">Asked once a Block.</param>
/// <param name="epoch">The worker's incarnation; the same as in the slabs' headers.</param>
/// <param name="time">Clock of patience.</param>
/// <param name="counters">Counts homes given up.</param>
/// <param name="cancellationToken">Aborts all calls.</param>
public sealed class ShardedWriter(
    ShardConnections connections, Func<ShardView> view, ulong epoch, TimeProvider time, ShardCounters counters, CancellationToken cancellationToken)
    : IAsyncDisposable
{
    /// <summary>How long a home may hold up the others.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, HomeWriter> _writers = new(StringComparer.Ordinal);
    private readonly Dictionary<BlockId, HomeWriter[]> _homes = [];

    // Tails beside replicated Blocks: whoever does not get one computes less than a Block.
    private readonly HashSet<BlockId> _lightBlockIds = [];
    private int _slabCount;
    private long _bytes;

    /// <summary>Whose blocks they are (<see cref="BlockIdChain.OwnerOf"/>); all zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>Queues a slab for each home and takes it over. Waits only while queues are full.</summary>
    public async ValueTask EnqueueAsync(BlockId blockId, int layer, int layerCount, SlabLease slab, bool isTransient = false)
    {
        using SlabLease owned = slab;
        _slabCount++;
        _bytes += slab.SizeBytes;
        HomeWriter[] homes = HomesOf(blockId, isTransient);
        for (int i = 0; i < homes.Length; i++)
        {
            HomeWriter home = homes[i];
            bool isLast = !homes.Any(other => other != home && other.Failure is null);
            await home.EnqueueAsync(blockId, layer, layerCount, slab.Share(), isTransient, isLast ? null : Patience, time);
        }
    }

    /// <summary>Ends all calls and returns once every Block is safe and slower homes have had some time.</summary>
    /// <exception cref="RpcException">A Block reached none of its homes, with the first reason.</exception>
    public async Task<ShardedWriteResult> CompleteAsync()
    {
        var running = _writers.Values.ToDictionary(writer => writer, writer => writer.CompleteAsync());
        Task all = Task.WhenAll(running.Values);
        while (!all.IsCompleted && !_homes.Values.All(homes => IsSafe(homes, running)))
        {
            await Task.WhenAny(running.Values.Where(task => !task.IsCompleted).Append(all));
        }

        await Task.WhenAny(all, Task.Delay(all.IsCompleted ? TimeSpan.Zero : Patience, time, CancellationToken.None));
        foreach ((HomeWriter writer, Task completion) in running)
        {
            if (!completion.IsCompleted)
            {
                await writer.GiveUpAsync($"{writer.Address} did not acknowledge within {Patience.TotalSeconds} s of other homes");
            }
        }

        await all;
        HomeWriter[] lost = [.. _writers.Values.Where(writer => writer.Failure is not null)];
        HomeWriter[]? unsafeHomes = _homes
            .FirstOrDefault(block => !_lightBlockIds.Contains(block.Key) && block.Value.All(home => home.Failure is not null)).Value;
        if (unsafeHomes is not null)
        {
            throw new RpcException(unsafeHomes.Select(home => home.Failure).FirstOrDefault() ?? new Status(StatusCode.Unavailable, "no KvStore shard is known"));
        }

        Array.ForEach(lost, _ => counters.LostReplica());
        return new ShardedWriteResult(_slabCount, _bytes, lost.Length);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (HomeWriter writer in _writers.Values)
        {
            await writer.DisposeAsync();
        }
    }

    private static bool IsSafe(HomeWriter[] homes, Dictionary<HomeWriter, Task> running) =>
        homes.Any(home => home.Failure is null && running[home].IsCompleted);

    private HomeWriter[] HomesOf(BlockId blockId, bool isTransient)
    {
        if (_homes.TryGetValue(blockId, out HomeWriter[]? known))
        {
            return known;
        }

        HomeWriter[] homes = [.. view().HomesOf(blockId).Select(WriterTo)];
        if (isTransient && homes.Length > 1)
        {
            homes = [homes.FirstOrDefault(home => home.Failure is null) ?? homes[0]];
            _lightBlockIds.Add(blockId);
        }

        _homes.Add(blockId, homes);
        return homes;
    }

    private HomeWriter WriterTo(string address)
    {
        if (!_writers.TryGetValue(address, out HomeWriter? writer))
        {
            writer = new HomeWriter(address, connections.OpenWriter(address, epoch, owner: Owner, cancellationToken: cancellationToken));
            _writers.Add(address, writer);
        }

        return writer;
    }
}
