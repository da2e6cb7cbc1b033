using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>One read of a <see cref="ShardedReader"/>: which streams are asked of which shards, and what comes of them.</summary>
internal sealed class ShardReadRun : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ReadBlock[] _blocks;
    private readonly List<(ShardStream Stream, CancellationTokenSource End)> _streams = []; // all that were begun

    // Cancelled by the caller, and when the receiver throws.
    private readonly CancellationTokenSource _end;
    private int _missingCount;

    public ShardReadRun(ShardedReader reader, ShardRead read, ShardView view, CancellationToken cancellationToken)
    {
        Reader = reader;
        Read = read;
        _blocks = [.. read.Blocks.Select((wanted, index) => new ReadBlock(index, wanted, view.PlacesOf(wanted.Id)))];
        _missingCount = _blocks.Length;
        _end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    public ShardedReader Reader { get; }

    public ShardRead Read { get; }

    public Task RunAsync()
    {
        int heldCount = Read.Wait > TimeSpan.Zero ? Math.Min(Read.HeldBlockCount, _blocks.Length) : _blocks.Length;
        return Task.WhenAll(ReadHeldAndThenWaitAsync(_blocks[..heldCount]), ReadComingAsync(_blocks[heldCount..]));
    }

    /// <summary>Hands an arrival on; takes its slab.</summary>
    /// <param name="block">What it is of.</param>
    /// <param name="address">Where it comes from.</param>
    /// <param name="arrival">The index is the stream's.</param>
    /// <param name="isDropped">Whether the place should drop its copy.</param>
    /// <returns>Why it is refused.</returns>
    public SlabError Take(ReadBlock block, string address, in SlabArrival arrival, out bool isDropped)
    {
        isDropped = false;
        lock (_gate)
        {
            SlabArrival own = arrival with { BlockIndex = block.Index };
            if (arrival.Slab is not { } slab)
            {
                Read.OnArrival(own);
                isDropped = arrival.Error != SlabError.None && block.Refuse(address, arrival.Error);
                if (arrival.Error == SlabError.None)
                {
                    block.Lacks(address);
                }

                return arrival.Error;
            }

            string[] needy = Reader.Repair is null ? [] : block.HomesInNeed(address);
            if (_end.IsCancellationRequested || block.HasLayer(arrival.Layer))
            {
                // A layer that came before the rest of its block was found to be bad comes again: it is of use to the home in need.
                if (needy.Length == 0 || block.IsComplete || !block.TryKeep(arrival.Layer, slab))
                {
                    slab.Dispose();
                }

                return SlabError.None;
            }

            using SlabLease? copy = needy.Length > 0 ? slab.Share() : null;
            SlabError reason = Read.OnArrival(own);
            if (reason != SlabError.None)
            {
                isDropped = block.Refuse(address, reason);
                return reason;
            }

            // The number of layers is no part of a slab, so no checksum guards it: a copy that has another one would never be whole.
            if (arrival.LayerCount != block.LayerCount)
            {
                isDropped = block.Lacks(address);
            }

            block.Accept(arrival.Layer, copy?.Share());
            if (block.IsComplete)
            {
                Complete(block, address, needy);
            }

            return SlabError.None;
        }
    }

    /// <summary>The stream has said, or failed to say, all that it will; its blocks that are incomplete go elsewhere.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="mayBeDamage">Whether its place may be asked once more in the end.</param>
    public void Leave(ShardStream stream, bool mayBeDamage = false)
    {
        lock (_gate)
        {
            foreach (ReadBlock block in stream.Blocks.Where(block => !block.IsComplete))
            {
                if (mayBeDamage)
                {
                    block.NoteDamage(stream.Address);
                }

                block.Leave(stream.Address);
            }
        }
    }

    /// <summary>Once every Block is here, streams that still wait for one are cancelled; the others end by themselves.</summary>
    public async ValueTask EndIfCompleteAsync()
    {
        CancellationTokenSource[] idle;
        lock (_gate)
        {
            if (_missingCount > 0)
            {
                return;
            }

            idle = [.. _streams.Where(begun => begun.Stream.OpenCount > 0 && !begun.End.IsCancellationRequested).Select(begun => begun.End)];
        }

        foreach (CancellationTokenSource end in idle)
        {
            await end.CancelAsync();
        }
    }

    /// <summary>The receiver threw: nothing more is read.</summary>
    public Task BreakAsync() => _end.CancelAsync();

    public void Dispose()
    {
        Array.ForEach(_blocks, block => block.Dispose());
        _streams.ForEach(begun => begun.End.Dispose());
        _end.Dispose();
    }

    private async Task ReadHeldAndThenWaitAsync(ReadBlock[] blocks)
    {
        await ReadHeldAsync(blocks);
        if (Read.Wait > TimeSpan.Zero && Incomplete(blocks) is { Length: > 0 } gone)
        {
            Array.ForEach(gone, block => block.Reopen());
            await ReadComingAsync(gone);
        }
    }

    /// <summary>Blocks that should be somewhere: place after place, with hedges.</summary>
    private Task ReadHeldAsync(ReadBlock[] blocks) => Task.WhenAll(
        ByPlace(blocks, block => block.NextPlace(Reader.Health, block.Places.Addresses.Length))
            .Select(async group =>
            {
                await ReadHedgedAsync(group.Address, group.Blocks);
                if (Incomplete(group.Blocks) is { Length: > 0 } rest)
                {
                    Reader.Counters.FellBack(rest.Length);
                    await ReadHeldAsync(rest);
                }
            }));

    /// <summary>Blocks that are still to be put: at their homes, and at once where writers who know less than this reader may put them.</summary>
    private Task ReadComingAsync(ReadBlock[] blocks)
    {
        IEnumerable<ShardStream> elsewhere = blocks
            .SelectMany(block => block.Places.Addresses.Skip(block.Places.HomeCount).Select(address => (address, block)))
            .GroupBy(pair => pair.address, (address, pairs) => Waiting(address, [.. pairs.Select(pair => pair.block)]));
        return Task.WhenAll([.. elsewhere.Select(stream => RunAsync(stream, _end.Token)), ReadFromHomesAsync(blocks)]);
    }

    private Task ReadFromHomesAsync(ReadBlock[] blocks) => Task.WhenAll(
        ByPlace(blocks, block => block.NextPlace(Reader.Health, block.Places.HomeCount))
            .Select(async group =>
            {
                await RunAsync(Waiting(group.Address, group.Blocks), _end.Token);
                await ReadFromHomesAsync(Incomplete(group.Blocks));
            }));

    /// <summary>Reads from one shard and, when it is slow to begin, from replicas too: whoever sends the first slab goes on.</summary>
    private async Task ReadHedgedAsync(string address, ReadBlock[] blocks)
    {
        ReadBlock[] replicated = [.. blocks.Where(block => ReplicaOf(block, address) is not null)];
        if (replicated.Length == 0 || !blocks[0].Places.IsHome(address))
        {
            await RunAsync(new ShardStream(this, address, blocks), _end.Token);
            return;
        }

        using var primaryEnd = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        using var hedgeEnd = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        var isPrimaryFirst = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        TimeSpan delay = Reader.Hedging.Begin(address);
        long startedAt = Reader.Time.GetTimestamp();
        var stream = new ShardStream(this, address, blocks) { OnFirstSlab = () => isPrimaryFirst.TrySetResult(true) };
        Task primary = RunAsync(stream, primaryEnd.Token);
        await Task.WhenAny(primary, isPrimaryFirst.Task, Task.Delay(delay, Reader.Time, hedgeEnd.Token));
        if (!_end.IsCancellationRequested && !primary.IsCompleted && !isPrimaryFirst.Task.IsCompleted && Reader.Hedging.TryHedge())
        {
            Reader.Counters.Hedge();
            Task hedges = Task.WhenAll(ByPlace(replicated, block => ReplicaOf(block, address)).Select(hedge => RunAsync(
                new ShardStream(this, hedge.Address, hedge.Blocks) { OnFirstSlab = () => isPrimaryFirst.TrySetResult(false) }, hedgeEnd.Token)));
            await Task.WhenAny(isPrimaryFirst.Task, Task.WhenAll(primary, hedges));
            if (isPrimaryFirst.Task is { IsCompleted: true, Result: false })
            {
                Reader.Counters.WonHedge();
                Reader.Hedging.NoteFirstSlab(address, Reader.Time.GetElapsedTime(startedAt));
                await primaryEnd.CancelAsync();
            }
            else
            {
                await hedgeEnd.CancelAsync();
            }

            // Also when one of them throws what the receiver threw, none may go on behind it.
            await Task.WhenAll(hedges, primary);
        }

        await primary;
        await hedgeEnd.CancelAsync();
    }

    private async Task RunAsync(ShardStream stream, CancellationToken cancellationToken)
    {
        CancellationTokenSource end;
        lock (_gate)
        {
            if (_missingCount == 0 || cancellationToken.IsCancellationRequested)
            {
                return;
            }

            end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _streams.Add((stream, end));
        }

        await stream.RunAsync(end.Token);
    }

    private void Complete(ReadBlock block, string address, string[] needy)
    {
        _missingCount--;
        if (!block.Places.IsHome(address))
        {
            Reader.Counters.FoundMoved();
        }

        if (needy.Length > 0 && block.TakeCopies() is { } slabs)
        {
            Reader.Repair!.Offer(new RepairBlock(block.Wanted.Id, Read.Owner, slabs, needy));
        }
    }

    private ShardStream Waiting(string address, ReadBlock[] blocks) => new(this, address, blocks) { Wait = Read.Wait };

    private List<(string Address, ReadBlock[] Blocks)> ByPlace(ReadBlock[] blocks, Func<ReadBlock, string?> placeOf)
    {
        lock (_gate)
        {
            return _end.IsCancellationRequested ? [] :
            [
                .. blocks.Where(block => !block.IsComplete)
                    .GroupBy(placeOf)
                    .Where(group => group.Key is not null)
                    .Select(group => (group.Key!, group.ToArray())),
            ];
        }
    }

    private ReadBlock[] Incomplete(ReadBlock[] blocks)
    {
        lock (_gate)
        {
            return [.. blocks.Where(block => !block.IsComplete)];
        }
    }

    private string? ReplicaOf(ReadBlock block, string address)
    {
        lock (_gate)
        {
            return block.ReplicaOf(address, Reader.Health);
        }
    }
}
