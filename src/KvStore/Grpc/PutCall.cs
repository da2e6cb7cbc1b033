using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Grpc;

/// <summary>Takes in the slabs of one Put.</summary>
internal sealed class PutCall(IBlockTier tier, TimeSpan silenceTimeout, TimeProvider time, ILogger logger)
{
    private const int MaxWorkerIdLength = 253;

    private readonly PutReply _reply = new();
    private PutSession? _session;
    private string _workerId = "";

    public async Task<PutReply> RunAsync(IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        try
        {
            while (await frames.MoveNext(either.Token))
            {
                using Protocol.SlabFrame frame = frames.Current;
                Take(frame);

                // A writer between two blocks may be silent for as long as it likes: nobody waits for it.
                silence.CancelAfter(_session!.OpenBlocks.Count > 0 ? silenceTimeout : Timeout.InfiniteTimeSpan);
            }
        }
        catch (Exception error) when (silence.IsCancellationRequested && !cancellationToken.IsCancellationRequested && error is not RpcException { StatusCode: not StatusCode.Cancelled })
        {
            Log.PutTimedOut(logger, _workerId, silenceTimeout);
            throw new RpcException(StoreStatus.PutTimedOut(silenceTimeout));
        }
        finally
        {
            if (_session is not null)
            {
                _reply.IncompleteBlocks = tier.EndPut(_session);
            }
        }

        return _reply;
    }

    private void Take(Protocol.SlabFrame frame)
    {
        _session ??= Begin(frame);
        if (SlabIntake.CheckFields(frame) is { } invalid)
        {
            throw new RpcException(invalid);
        }

        int sizeBytes = frame.SlabBytes.Length;
        if (SlabIntake.Verify(frame, _session.Epoch, out SlabError error, out VerifiedSlab slab) is { } refused)
        {
            throw Refuse(refused, error, frame);
        }

        PutOutcome outcome = tier.Add(_session, slab);
        switch (outcome.Result)
        {
            case PutResult.Stored:
                _reply.SlabsStored++;
                _reply.BytesStored += sizeBytes;
                break;
            case PutResult.Known:
                _reply.SlabsKnown++;
                break;
            case PutResult.Discarded:
                break;
            case PutResult.Refused:
                throw Refuse(CallStatus.SlabRefused(outcome.Error, frame.BlockId, frame.Layer), outcome.Error, frame);
            case PutResult.StaleEpoch:
                throw new RpcException(CallStatus.StaleEpoch(_workerId, _session.Epoch));
            case PutResult.StoreFull:
                TierStat stat = tier.Stat();
                throw new RpcException(StoreStatus.StoreFull(stat.ByteBudget, stat.ByteCount));
            default:
                throw new InvalidOperationException($"The tier answered {outcome.Result}.");
        }
    }

    private PutSession Begin(Protocol.SlabFrame frame)
    {
        if (frame.WorkerId.Length is 0 or > MaxWorkerIdLength)
        {
            throw new RpcException(CallStatus.InvalidField("worker_id", $"of the first frame must be 1 to {MaxWorkerIdLength} characters"));
        }

        _workerId = frame.WorkerId;
        return tier.BeginPut(frame.WorkerId, frame.Epoch, frame.Owner) ?? throw new RpcException(CallStatus.StaleEpoch(frame.WorkerId, frame.Epoch));
    }

    private RpcException Refuse(Status status, SlabError error, Protocol.SlabFrame frame)
    {
        tier.Counters.RefusedSlab();
        Log.SlabRefused(logger, _workerId, frame.BlockId, frame.Layer, status.Detail);
        return CallStatus.Refusal(status, error);
    }
}
