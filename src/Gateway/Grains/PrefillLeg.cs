using Google.Protobuf;
using Grpc.Core;
using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>The prefill of one request, on as many workers as it takes until one has sampled.</summary>
internal sealed class PrefillLeg(
    RequestServices services, GenerateCommand command, SequenceNames names, PrefixLease lease, PrefillHandover handover)
{
    private readonly string _poolKey = PoolKey.Of(command.Model, PoolRole.Prefill);
    private readonly List<string> _failedWorkerIds = [];

    /// <summary>Called for each event, before decode is told.</summary>
    public required Action<PrefillEvent> OnEvent { get; init; }

    /// <summary>Called when a worker failed and another may be tried.</summary>
    public required Action OnRetry { get; init; }

    public int CachedBlockCount { get; init; }

    /// <summary>The way to the decode worker.</summary>
    public required HandOff HandOff { get; init; }

    /// <summary>Ends with the handover done; throws only when cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (int attempt = 0; attempt < services.Options.MaxAttempts && !handover.HasFirstToken; attempt++)
            {
                if (await AcquireAsync() is not { } placement || await TryAsync(placement, cancellationToken))
                {
                    return;
                }

                OnRetry();
            }
        }
        finally
        {
            handover.SetDone();
        }
    }

    private async Task<Placement?> AcquireAsync()
    {
        Placement? placement = await services.Pool(_poolKey).Acquire(new PlacementQuery
        {
            Identity = command.Identity,
            UncachedTokenCount = command.PromptTokenIds.Length - CachedBlockCount * Compression.Blocks.KvGeometry.BlockTokenCount,
            AvoidedWorkerIds = [.. _failedWorkerIds],
        });
        if (placement is null || !_failedWorkerIds.Contains(placement.Worker.WorkerId))
        {
            return placement;
        }

        // Every worker has failed this request once: the decode worker does better than a second round.
        await services.Pool(_poolKey).Release(placement.ReservationId);
        return null;
    }

    /// <returns>Whether everything is put.</returns>
    private async Task<bool> TryAsync(Placement placement, CancellationToken cancellationToken)
    {
        await using var watched = new WorkerCall(services, _poolKey, placement, lease, static () => false, cancellationToken);
        try
        {
            using AsyncServerStreamingCall<PrefillEvent> call =
                services.Clients.Prefill(placement.Worker.Address).Prefill(CreateRequest(), cancellationToken: watched.Token);
            await foreach (PrefillEvent prefillEvent in call.ResponseStream.ReadAllAsync(watched.Token))
            {
                watched.NoteWord();
                OnEvent(prefillEvent);
                if (prefillEvent.EventCase == PrefillEvent.EventOneofCase.FirstToken)
                {
                    handover.SetFirstToken(prefillEvent.FirstToken.TokenId);
                }
                else if (prefillEvent.EventCase == PrefillEvent.EventOneofCase.Done)
                {
                    return true;
                }
            }

            throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended before prefill was done"));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            string workerId = placement.Worker.WorkerId;
            Log.PrefillFailed(services.Logger, command.RequestId, workerId, watched.Describe(e));
            _failedWorkerIds.Add(workerId);
            if (watched.IsLoss(e))
            {
                await watched.SuspectAsync();
            }

            return false;
        }
    }

    private PrefillRequest CreateRequest()
    {
        var request = new PrefillRequest
        {
            RequestId = command.RequestId,
            TailId = names.TailId?.ToByteString() ?? ByteString.Empty,
            CachedBlockCount = CachedBlockCount,
            Sampling = Sampling.Parser.ParseFrom(command.Sampling),
            Seed = command.Seed,
            ModelFingerprint = command.Identity.ModelFingerprint,
            CodecFingerprint = command.Identity.CodecFingerprint,
            Tenant = command.Tenant,
        };
        if (HandOff.Id is { } handOverId)
        {
            request.DirectAddress = HandOff.DecodeAddress;
            request.HandOverId = handOverId.ToByteString();
        }

        request.TokenIds.AddRange(command.PromptTokenIds);
        request.BlockIds.AddRange(names.BlockIds.ToByteStrings());
        return request;
    }
}
