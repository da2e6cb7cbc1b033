using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.PrefillWorker.Engine;
using KvCluster.V1;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Grpc;

/// <summary>
/// One Prefill call: checks, waits for room, loads the cached prefix, and passes on what the engine makes while its slabs go to
/// the KvStore, and to the decode worker where it takes them directly.
/// </summary>
internal sealed class PrefillCall(
    PrefillParts parts, PrefillRequest request, IServerStreamWriter<PrefillEvent> events, CancellationToken cancellationToken)
{
    private readonly long _arrivedAt = parts.Time.GetTimestamp();

    /// <exception cref="RpcException">The call ends with its status.</exception>
    public async Task RunAsync()
    {
        var plan = PrefillPlan.Read(request, parts.Model);
        var epoch = parts.Store.Epoch ?? throw RequestErrors.NotRegistered();
        using var queued = new QueuedTokens(parts.Load);
        queued.Set(plan.Blocks.TokenCount - (plan.CachedBlockCount * KvGeometry.BlockTokenCount));
        using var reservation = await AdmitAsync(plan);
        using var outbox = new PrefillOutbox(parts.Options.MaxUnsentBytes, isDirect: plan.Direct is not null);
        var cache = parts.Model.CreateCache(plan.Blocks.Root, epoch);
        int refusedSlabCount;
        try
        {
            refusedSlabCount = await LoadPrefixAsync(plan, cache);
        }
        catch
        {
            cache.Dispose();
            throw;
        }

        var sequence = new PrefillSequence(plan.RequestId, plan.Generation, cache, outbox, queued, sendsTail: plan.Blocks.TailId is not null);
        sequence.CountQueued();
        var layerCount = parts.Model.Runner.Geometry.LayerCount;
        using var direct = plan.Direct is { } target && outbox.Direct is { } slabs
            ? new DirectSender(slabs, parts.DecodeWorkers, target, epoch, layerCount, parts.Engine.Wake, parts.Time, parts.Log)
            : null;
        var handing = direct?.RunAsync(plan.RequestId, cancellationToken) ?? Task.FromResult(default(SentSlabs));
        var sender = new SlabSender(outbox.Store, direct, parts.Store, epoch, plan.Blocks.Root, layerCount, parts.Engine.Wake, parts.Log);
        var sending = sender.RunAsync(plan.RequestId, cancellationToken);
        try
        {
            await RunEngineAsync(sequence);
        }
        finally
        {
            outbox.Close();
            await ((Task)Task.WhenAll(sending, handing)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var handedOver = await handing;
        if (plan.Direct is not null)
        {
            parts.Metrics.RecordHandOver(handedOver.SlabCount, handedOver.Bytes);
        }

        var sent = await sending;
        parts.Metrics.RecordSent(sent.SlabCount, sent.Bytes);
        var done = new PrefillDone
        {
            KvBytesSent = sent.Bytes,
            SlabsSent = sent.SlabCount,
            RefusedSlabs = refusedSlabCount,
            DirectKvBytesSent = handedOver.Bytes,
            DirectSlabsSent = handedOver.SlabCount,
        };
        await events.WriteAsync(new PrefillEvent { Done = done }, cancellationToken);
    }

    private async Task<KvReservation> AdmitAsync(PrefillPlan plan)
    {
        var demand = parts.Model.Footprint.Demand(plan.Blocks.TokenCount);
        var entered = parts.Admission.Enter(demand, cancellationToken, out var refusal);
        return entered is not null ? await entered
            : throw (refusal == AdmissionRefusal.NeverFits
                ? RequestErrors.NeverFits(demand, parts.Admission.Budget)
                : RequestErrors.QueueFull(parts.Admission.WaitingCount));
    }

    /// <summary>Fills the cache with the good part of the cached prefix.</summary>
    /// <returns>Slabs refused.</returns>
    private async Task<int> LoadPrefixAsync(PrefillPlan plan, SequenceCache cache)
    {
        var prefixTokenCount = plan.CachedBlockCount * KvGeometry.BlockTokenCount;
        var prefix = new SequenceBlocks(plan.Blocks.Root, plan.Blocks.TokenIds[..prefixTokenCount].ToArray(), hasTail: false);
        await using var intake = parts.Model.CreateIntake(prefix);
        var fetch = new BlockFetch(intake, plan.Blocks.Root, parts.Store, plan.RequestId, parts.Metrics.RecordRefused, parts.Log);
        await fetch.ReadMissingAsync(TimeSpan.Zero, plan.CachedBlockCount, cancellationToken);
        await intake.MoveToAsync(cache, prefixTokenCount);
        cache.BeginPrompt(plan.Blocks.TokenCount);
        return intake.RefusedSlabCount;
    }

    private async Task RunEngineAsync(PrefillSequence sequence)
    {
        parts.Engine.Submit(sequence);
        using (cancellationToken.UnsafeRegister(_ => parts.Engine.Cancel(sequence), null))
        {
            try
            {
                await WriteFirstTokenAsync(sequence, await sequence.Sampled);
            }
            catch (SequenceFailedException error)
            {
                throw RequestErrors.Failed(error);
            }
            finally
            {
                // Also when the caller is gone in the middle of a write: the KV is free before the call ends.
                parts.Engine.Cancel(sequence);
                await sequence.Released;
            }
        }
    }

    private async Task WriteFirstTokenAsync(PrefillSequence sequence, PrefillSample sample)
    {
        var queueTime = parts.Time.GetElapsedTime(_arrivedAt, sample.StartedAt);
        var computeTime = parts.Time.GetElapsedTime(sample.StartedAt, sample.SampledAt);
        parts.Metrics.RecordPrompt(queueTime, sample.ComputedTokenCount, sequence.CachedTokenCount);
        var firstToken = new PrefillFirstToken
        {
            TokenId = sample.TokenId,
            Logprob = sample.Logprob,
            CachedTokens = sequence.CachedTokenCount,
            ComputedTokens = sample.ComputedTokenCount,
            QueueUs = (long)queueTime.TotalMicroseconds,
            PrefillUs = (long)computeTime.TotalMicroseconds,
        };
        await events.WriteAsync(new PrefillEvent { FirstToken = firstToken }, cancellationToken);
    }
}
