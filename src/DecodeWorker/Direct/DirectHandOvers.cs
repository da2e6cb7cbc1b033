using System.Collections.Concurrent;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>Brings Puts of prefill workers and the Decode calls that wait for them together, whichever comes first.</summary>
internal sealed class DirectHandOvers(CurrentEpochs epochs, DecodeMetrics metrics, TimeProvider time, ILogger<DirectHandOvers> log) : ISlabCalls
{
    /// <summary>Both workers are called at once: the other call is on its way, or was never made.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Ids of calls that have ended are known for a while, so that late Puts are refused at once.</summary>
    private const int MaxClosedCount = 1024;

    private static readonly TaskCompletionSource<DirectIntake?> ClosedPlace = CreateClosed();

    private readonly ConcurrentDictionary<BlockId, TaskCompletionSource<DirectIntake?>> _handOvers = new();
    private readonly ConcurrentQueue<BlockId> _closed = new();

    /// <summary>Calls that are open, or that a Put waits for.</summary>
    public int OpenCount => _handOvers.Count - _closed.Count;

    /// <summary>A Decode call waits for slabs from now on, until it disposes what it gets.</summary>
    public DirectIntake Open(BlockId handOverId)
    {
        var intake = new DirectIntake(() => Close(handOverId));
        Place(handOverId).TrySetResult(intake);
        return intake;
    }

    public Task<PutReply> PutAsync(IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken) =>
        new DirectPut(this, epochs, metrics, log).RunAsync(frames, cancellationToken);

    public Task GetAsync(GetRequest request, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken) =>
        throw new RpcException(new Status(StatusCode.Unimplemented, "a decode worker only takes slabs; ask a KvStore shard"));

    /// <summary>The Decode call of this id; null when none comes.</summary>
    public async Task<DirectIntake?> FindAsync(BlockId handOverId, CancellationToken cancellationToken)
    {
        TaskCompletionSource<DirectIntake?> place = Place(handOverId);
        try
        {
            return await place.Task.WaitAsync(Patience, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return null;
        }
        finally
        {
            if (!place.Task.IsCompleted)
            {
                _handOvers.TryRemove(KeyValuePair.Create(handOverId, place));
            }
        }
    }

    private TaskCompletionSource<DirectIntake?> Place(BlockId handOverId) =>
        _handOvers.GetOrAdd(handOverId, _ => new TaskCompletionSource<DirectIntake?>(TaskCreationOptions.RunContinuationsAsynchronously));

    private void Close(BlockId handOverId)
    {
        _handOvers[handOverId] = ClosedPlace;
        _closed.Enqueue(handOverId);
        while (_closed.Count > MaxClosedCount && _closed.TryDequeue(out BlockId oldest))
        {
            _handOvers.TryRemove(oldest, out _);
        }
    }

    private static TaskCompletionSource<DirectIntake?> CreateClosed()
    {
        var closed = new TaskCompletionSource<DirectIntake?>();
        closed.SetResult(null);
        return closed;
    }
}
