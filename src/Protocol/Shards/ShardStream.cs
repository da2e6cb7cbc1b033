using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>One Get of a <see cref="ShardReadRun"/>: the slabs of some Blocks from one shard.</summary>
internal sealed class ShardStream(ShardReadRun run, string address, ReadBlock[] blocks)
{
    private bool _hasAnswered;
    private bool _hasSlab;
    private long _startedAt;

    public string Address => address;

    public ReadBlock[] Blocks => blocks;

    /// <summary>Called at the first slab.</summary>
    public Action? OnFirstSlab { get; init; }

    /// <summary>How long the shard may wait for slabs that are still to be put.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Blocks of which the shard has more to say.</summary>
    public int OpenCount { get; private set; } = blocks.Length;

    private ShardedReader Reader => run.Reader;

    /// <summary>Ends with the stream; whatever happens to it, only what the receiver throws comes out.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan stall = Wait > TimeSpan.Zero ? Timeout.InfiniteTimeSpan : Reader.Options.StallTimeout;
        using var silence = new CancellationTokenSource(stall, Reader.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        BlockReader reader = Reader.Connections.ReaderOf(address);
        WantedBlock[] wanted = [.. blocks.Select(block => block.Wanted)];
        _startedAt = Reader.Time.GetTimestamp();
        Reader.Counters.Stream();
        try
        {
            await foreach (SlabArrival arrival in reader.ReadAsync(wanted, Wait, run.Read.RequestId, run.Read.Owner, either.Token))
            {
                silence.CancelAfter(stall);
                NoteAnswer(arrival);
                ReadBlock block = blocks[arrival.BlockIndex];
                SlabError refusal = run.Take(block, address, arrival, out bool isDropped);
                if (refusal != SlabError.None)
                {
                    run.Read.OnRefused?.Invoke(block.Wanted.Id, arrival.Layer, address, refusal);
                }

                if (isDropped)
                {
                    Reader.Counters.Dropped();
                    await reader.DropAsync([block.Wanted.Id], refusal == SlabError.None ? SlabError.WrongGeometry : refusal, either.Token);
                }

                await run.EndIfCompleteAsync();
            }

            run.Leave(this);
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException)
        {
            // Cancelled streams leave their place open: it may be asked again.
            if (!cancellationToken.IsCancellationRequested)
            {
                Fail(error, silence.IsCancellationRequested);
            }
        }
        catch
        {
            await run.BreakAsync();
            throw;
        }
    }

    private void NoteAnswer(in SlabArrival arrival)
    {
        if (!_hasAnswered)
        {
            _hasAnswered = true;
            Reader.Health.NoteSuccess(address);
        }

        if (arrival.IsUsable && !_hasSlab)
        {
            _hasSlab = true;
            OnFirstSlab?.Invoke();
            if (Wait == TimeSpan.Zero)
            {
                Reader.Hedging.NoteFirstSlab(address, Reader.Time.GetElapsedTime(_startedAt));
            }
        }

        OpenCount -= arrival.Layer + 1 == blocks[arrival.BlockIndex].LayerCount ? 1 : 0;
    }

    private void Fail(Exception error, bool isSilent)
    {
        Status status = isSilent ? new Status(StatusCode.DeadlineExceeded, $"no slab came for {Reader.Options.StallTimeout.TotalSeconds} s")
            : error is RpcException rpc ? rpc.Status
            : new Status(StatusCode.Unavailable, error.Message);
        Reader.Counters.FailedStream();
        Reader.Health.NoteFailure(address);

        // A stream that broke off may have been damaged on the way; a shard that never answered is not asked twice.
        bool mayBeDamage = !isSilent && (_hasAnswered || status.StatusCode is not (StatusCode.Unavailable or StatusCode.DeadlineExceeded));
        run.Leave(this, mayBeDamage);
        run.Read.OnShardFailed?.Invoke(address, status);
    }
}
