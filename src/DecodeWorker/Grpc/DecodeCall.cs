using Grpc.Core;
using KvCluster.DecodeWorker.Direct;
using KvCluster.DecodeWorker.Engine;
using KvCluster.Inference.Engine;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>One Decode call: checks, waits for room, takes in the KV, and passes on what the engine says.</summary>
internal sealed class DecodeCall(
    DecodeParts parts,
    IAsyncStreamReader<DecodeCommand> commands,
    IServerStreamWriter<DecodeEvent> events,
    CancellationToken cancellationToken)
{
    /// <exception cref="RpcException">The call ends with its status.</exception>
    public async Task RunAsync()
    {
        var arrivedAt = parts.Time.GetTimestamp();
        var first = await commands.MoveNext(cancellationToken) ? commands.Current : null;
        var plan = DecodePlan.Read(first, parts.Model);
        var epoch = parts.Store.Epoch ?? throw RequestErrors.NotRegistered();
        using var queued = new QueuedTokens(parts.Load);
        queued.Set(plan.IsLocalPrefill ? plan.GivenTokenCount - plan.CachedTokenCount : 0);
        using var direct = plan.HandOverId is { } handOverId ? parts.Direct.Open(handOverId) : null;
        using var reservation = await AdmitAsync(plan);
        var admittedAt = parts.Time.GetTimestamp();
        await using var prefill = new DecodeCommands(commands, parts.Model.Runner.VocabularySize, cancellationToken);
        await using var intake = parts.Model.CreateIntake(plan.Blocks);
        direct?.Begin(intake);
        if (!await TakeInAsync(plan, prefill, intake, direct))
        {
            await WriteEndAsync(plan.Generation.End);
            return;
        }

        var cache = parts.Model.CreateCache(plan.Blocks.Root, epoch);
        var sequence = new DecodeSequence(
            plan.RequestId, plan.Generation, cache, queued, plan.GivenTokenCount, parts.Options.MaxBufferedTokens);
        try
        {
            // Without a first token the last given one is computed (again): its logits are what is sampled from.
            var hasNext = plan.Generation.TokenCount > plan.GivenTokenCount;
            await intake.MoveToAsync(cache, hasNext ? plan.GivenTokenCount : plan.GivenTokenCount - 1);
            cache.BeginPrompt(plan.GivenTokenCount);
        }
        catch
        {
            sequence.Release();
            throw;
        }

        var ready = new DecodeReady
        {
            KvTokensReceived = cache.TokenCount,
            ComputedTokens = plan.GivenTokenCount - cache.TokenCount,
            KvBytesReceived = intake.ReceivedBytes,
            DirectKvBytesReceived = direct?.Bytes ?? 0,
            RefusedSlabs = intake.RefusedSlabCount,
            QueueUs = Microseconds(parts.Time.GetElapsedTime(arrivedAt, admittedAt)),
        };
        parts.Metrics.RecordIntake(
            parts.Time.GetElapsedTime(arrivedAt, admittedAt),
            parts.Time.GetElapsedTime(admittedAt),
            ready.KvBytesReceived,
            ready.KvTokensReceived,
            ready.ComputedTokens);
        sequence.EmitReadyOnce();
        await RunEngineAsync(sequence, ready);
    }

    private async Task<KvReservation> AdmitAsync(DecodePlan plan)
    {
        var demand = parts.Model.Footprint.Demand(plan.Generation.MaxTokenCount);
        var entered = parts.Admission.Enter(demand, cancellationToken, out var refusal);
        return entered is not null ? await entered
            : throw (refusal == AdmissionRefusal.NeverFits
                ? RequestErrors.NeverFits(demand, parts.Admission.Budget)
                : RequestErrors.QueueFull(parts.Admission.WaitingCount));
    }

    /// <summary>Takes in KV and, unless it is sampled here, the first token; false when the Sequence is at its end already.</summary>
    private async Task<bool> TakeInAsync(DecodePlan plan, DecodeCommands prefill, BlockIntake intake, DirectIntake? direct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var fetch = new BlockFetch(intake, plan.Blocks.Root, parts.Store, plan.RequestId, parts.Metrics.RecordRefused, parts.Log);
        if (plan.IsLocalPrefill)
        {
            if (plan.Generation.End == SequenceEnd.None)
            {
                await fetch.ReadMissingAsync(TimeSpan.Zero, plan.CachedBlockCount, cancellationToken);
            }

            return plan.Generation.End == SequenceEnd.None;
        }

        var handOver = new HandOver(plan, parts, fetch, intake, direct, prefill).RunAsync(stop.Token);
        try
        {
            if (await prefill.FirstToken.WaitAsync(cancellationToken) is { } firstToken)
            {
                plan.Generation.Commit(firstToken);
            }

            if (plan.Generation.End == SequenceEnd.None)
            {
                await handOver;
            }

            return plan.Generation.End == SequenceEnd.None;
        }
        finally
        {
            await stop.CancelAsync();
            await handOver.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunEngineAsync(DecodeSequence sequence, DecodeReady ready)
    {
        var submittedAt = parts.Time.GetTimestamp();
        parts.Engine.Submit(sequence);
        using (cancellationToken.UnsafeRegister(_ => parts.Engine.Cancel(sequence), null))
        {
            try
            {
                await new DecodeEventPump(parts, sequence, events, ready, submittedAt).RunAsync();
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (SequenceFailedException error)
            {
                throw RequestErrors.Failed(error);
            }
            finally
            {
                // Also when the client is gone in the middle of a write: the KV is free before the call ends.
                parts.Engine.Cancel(sequence);
                await sequence.Released;
            }
        }
    }

    private Task WriteEndAsync(SequenceEnd end) =>
        events.WriteAsync(new DecodeEvent { Tokens = new DecodeTokens { FinishReason = DecodeEventPump.Reason(end) } }, cancellationToken);

    private static long Microseconds(TimeSpan time) => (long)time.TotalMicroseconds;
}
