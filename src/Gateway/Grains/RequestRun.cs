using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Admission;
using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// One request over the workers: lookup with lease, route, prefill and decode at once, and again on other workers for as long as
/// each gets further than the last or attempts are left. Runs in the turns of its grain.
/// </summary>
internal sealed class RequestRun(RequestServices services, GenerateCommand command, ChannelWriter<GenerateUpdate> output)
{
    /// <summary>How long an answer that is complete waits for the prefill worker's count of bytes sent.</summary>
    private static readonly TimeSpan PrefillReportTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AcquirePause = TimeSpan.FromMilliseconds(50);

    private readonly Sampling _sampling = Sampling.Parser.ParseFrom(command.Sampling);
    private readonly string _decodePoolKey = PoolKey.Of(command.Model, PoolRole.Decode);
    private readonly RequestLedger _ledger = new(services.Time, command.PromptTokenIds.Length);
    private readonly List<int> _generated = [];
    private readonly List<string> _refusingWorkerIds = [];
    private PrefixLease? _lease;
    private PrefillHandover? _handover;
    private HandOff? _handOff;
    private Task _prefill = Task.CompletedTask;
    private WorkerCall? _decodeCall;
    private FinishReason _earlyFinish;

    /// <summary>Writes updates until the last; never throws.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var prefillCancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            DecodeOutcome outcome = await DriveAsync(prefillCancellation.Token, cancellationToken);
            Emit(new GenerateUpdate
            {
                Finish = outcome.Error is null ? (GenerateFinish)outcome.Finish : GenerateFinish.Failed,
                Error = outcome.Error,
                Progress = _ledger.Progress,
            });
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            output.TryComplete();
        }
        catch (Exception e)
        {
            Log.RequestBroke(services.Logger, e, command.RequestId);
            Emit(new GenerateUpdate { Finish = GenerateFinish.Failed, Error = RequestError.Internal("the request failed in the Gateway") });
        }
        finally
        {
            await prefillCancellation.CancelAsync();
            await _prefill.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await ReleaseLeaseAsync();
            output.TryComplete();
        }
    }

    private async Task<DecodeOutcome> DriveAsync(CancellationToken prefillToken, CancellationToken cancellationToken)
    {
        int failedAttempts = 0;
        for (bool isFirst = true; ; isFirst = false)
        {
            int tokensBefore = _generated.Count;
            DecodeOutcome outcome = await AttemptAsync(isFirst, prefillToken, cancellationToken);
            if (outcome.IsFinal)
            {
                if (outcome.Error is null)
                {
                    await WaitForPrefillReportAsync(cancellationToken);
                }

                return outcome;
            }

            failedAttempts = _generated.Count > tokensBefore ? 1 : failedAttempts + 1;
            if (failedAttempts >= services.Options.MaxAttempts)
            {
                return DecodeOutcome.Refused(outcome.Error! with
                {
                    Message = $"gave up after {failedAttempts} workers without a new token; the last: {outcome.Error!.Message}",
                });
            }
        }
    }

    private async Task<DecodeOutcome> AttemptAsync(bool isFirst, CancellationToken prefillToken, CancellationToken cancellationToken)
    {
        // A prefill still under way goes on for the next decode worker, which then starts from the prompt again.
        bool joinsPrefill = _handover is { IsUnderWay: true } && _generated.Count <= 1;
        int[] tokenIds = joinsPrefill ? command.PromptTokenIds : [.. command.PromptTokenIds, .. _generated];
        SequenceNames names = SequenceNames.Of(command.Tenant, command.Identity, tokenIds);
        await ReleaseLeaseAsync();
        PrefixLease lease = _lease = await PrefixLease.TakeAsync(services, names.BlockIds, cancellationToken);
        int cachedBlocks = Math.Min(lease.HeldBlockCount, (tokenIds.Length - 1) / KvGeometry.BlockTokenCount);
        int uncachedTokens = tokenIds.Length - cachedBlocks * KvGeometry.BlockTokenCount;
        if (await AcquireDecodeAsync(uncachedTokens, !isFirst, cancellationToken) is not { } placement)
        {
            return DecodeOutcome.Refused(RequestError.Unavailable(
                $"no decode worker of model {command.Model} takes work; start one, or try again when one has come back"));
        }

        await using var watched = new WorkerCall(
            services, _decodePoolKey, placement, lease, () => _handover is { IsUnderWay: true, HasFirstToken: false }, cancellationToken);
        if (isFirst && lease.HasStore && uncachedTokens >= services.Options.LocalPrefillMaxTokens)
        {
            _handOff = services.HandOffs.Begin(command.Identity, uncachedTokens, placement.Worker.Address);
            StartPrefill(names, lease, cachedBlocks, _handOff, prefillToken);
            joinsPrefill = true;
        }
        else if (!isFirst)
        {
            // What is put straight goes to the worker that was lost: this one reads from the store.
            _handOff = null;
            _ledger.NoteTakeOver();
            Log.TakenOver(services.Logger, command.RequestId, placement.Worker.WorkerId, tokenIds.Length);
        }

        _decodeCall = watched;
        var leg = new DecodeLeg(services, command.RequestId, watched, joinsPrefill ? _handover : null) { OnEvent = TakeAsync };
        DecodeOutcome outcome = _earlyFinish != FinishReason.Unspecified
            ? default
            : await leg.RunAsync(CreateStart(tokenIds, names, cachedBlocks, !joinsPrefill), cancellationToken);
        _decodeCall = null;
        if (_earlyFinish != FinishReason.Unspecified)
        {
            return DecodeOutcome.Finished(_earlyFinish);
        }

        if (!outcome.IsFinal)
        {
            _refusingWorkerIds.Add(placement.Worker.WorkerId);
        }

        return outcome;
    }

    private void StartPrefill(SequenceNames names, PrefixLease lease, int cachedBlocks, HandOff handOff, CancellationToken prefillToken)
    {
        _handover = new PrefillHandover();
        _ledger.NotePrefillStart();
        var leg = new PrefillLeg(services, command, names, lease, _handover)
        {
            OnEvent = Take,
            OnRetry = _ledger.NotePrefillRetry,
            CachedBlockCount = cachedBlocks,
            HandOff = handOff,
        };
        _prefill = leg.RunAsync(prefillToken);
    }

    private async Task<Placement?> AcquireDecodeAsync(int uncachedTokens, bool waits, CancellationToken cancellationToken)
    {
        IWorkerPoolGrain pool = services.Pool(_decodePoolKey);
        var query = new PlacementQuery
        {
            Identity = command.Identity,
            UncachedTokenCount = uncachedTokens,
            AvoidedWorkerIds = [.. _refusingWorkerIds],
        };
        long since = services.Time.GetTimestamp();
        TimeSpan patience = TimeSpan.FromMilliseconds(services.Options.TakeOverWaitMs);
        if (_refusingWorkerIds.Count > 0)
        {
            await Task.Delay(AcquirePause * _refusingWorkerIds.Count, services.Time, cancellationToken);
        }

        while (true)
        {
            if (await pool.Acquire(query) is { } placement)
            {
                return placement;
            }

            // Members that are only suspected come back with their next report.
            bool mayCome = waits || (await pool.Snapshot()).Any(state => state.IsSuspect && state.Worker.Identity == command.Identity);
            if (!mayCome || services.Time.GetElapsedTime(since) >= patience)
            {
                return null;
            }

            await Task.Delay(AcquirePause, services.Time, cancellationToken);
            await (_lease?.RenewIfDueAsync(cancellationToken) ?? Task.CompletedTask);
        }
    }

    private DecodeStart CreateStart(int[] tokenIds, SequenceNames names, int cachedBlocks, bool localPrefill)
    {
        var start = new DecodeStart
        {
            RequestId = command.RequestId,
            PromptTokenCount = command.PromptTokenIds.Length,
            TailId = localPrefill || names.TailId is not { } tail ? ByteString.Empty : tail.ToByteString(),
            CachedBlockCount = cachedBlocks,
            LocalPrefill = localPrefill,
            Sampling = _sampling,
            Seed = command.Seed,
            ModelFingerprint = command.Identity.ModelFingerprint,
            CodecFingerprint = command.Identity.CodecFingerprint,
            Tenant = command.Tenant,
            HandOverId = _handOff?.Id?.ToByteString() ?? ByteString.Empty,
        };
        start.TokenIds.AddRange(tokenIds);
        start.BlockIds.AddRange(names.BlockIds.ToByteStrings());
        return start;
    }

    private void Take(PrefillEvent prefillEvent)
    {
        if (prefillEvent.EventCase == PrefillEvent.EventOneofCase.Done)
        {
            _ledger.NotePrefillDone(prefillEvent.Done);
            return;
        }

        if (prefillEvent.EventCase != PrefillEvent.EventOneofCase.FirstToken)
        {
            return;
        }

        PrefillFirstToken first = prefillEvent.FirstToken;
        _ledger.NoteFirstToken(first);
        _handOff?.NotePrefilled();
        _generated.Add(first.TokenId);
        _earlyFinish = EndRule.AfterFirst(first.TokenId, _sampling, services.Model.EosTokenIds);
        Emit(new GenerateUpdate
        {
            TokenIds = [first.TokenId],
            Logprobs = first.Logprob is null ? [] : [TokenChances.Of(first.Logprob)],
            Progress = _ledger.Progress,
            EndsWithStopToken = _earlyFinish == FinishReason.Stop,
        });
        if (_earlyFinish != FinishReason.Unspecified)
        {
            _decodeCall?.End();
        }
    }

    private async Task TakeAsync(DecodeEvent decodeEvent)
    {
        if (decodeEvent.EventCase == DecodeEvent.EventOneofCase.Ready)
        {
            _ledger.NoteReady(decodeEvent.Ready);
            _handOff?.NoteReady(decodeEvent.Ready);
            Emit(new GenerateUpdate { Progress = _ledger.Progress });
            await ReleaseLeaseAsync();
        }
        else if (decodeEvent is { EventCase: DecodeEvent.EventOneofCase.Tokens, Tokens.TokenIds.Count: > 0 })
        {
            _ledger.NoteTokens();
            _handOff?.NoteDecoded();
            _generated.AddRange(decodeEvent.Tokens.TokenIds);
            Emit(new GenerateUpdate
            {
                TokenIds = [.. decodeEvent.Tokens.TokenIds],
                Logprobs = [.. decodeEvent.Tokens.Logprobs.Select(TokenChances.Of)],
                EndsWithStopToken = decodeEvent.Tokens.FinishReason == FinishReason.Stop,
            });
        }
    }

    private async Task WaitForPrefillReportAsync(CancellationToken cancellationToken)
    {
        // Without a decode worker nobody else has seen that the blocks are in the store: cancelling would drop them.
        TimeSpan patience = _earlyFinish != FinishReason.Unspecified ? Timeout.InfiniteTimeSpan : PrefillReportTimeout;
        await Task.WhenAny(_prefill, Task.Delay(patience, services.Time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
    }

    private Task ReleaseLeaseAsync() => _lease?.ReleaseAsync() ?? Task.CompletedTask;

    private void Emit(GenerateUpdate update) => output.TryWrite(update);
}
