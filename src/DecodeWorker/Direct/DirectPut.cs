using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>
/// One Put of a prefill worker: every slab is verified and goes to the Decode call that waits for it. The first that is refused ends the Put, and what
/// is missing then comes from the KvStore.
/// </summary>
internal sealed class DirectPut(DirectHandOvers handOvers, CurrentEpochs epochs, DecodeMetrics metrics, ILogger log)
{
    private const int MaxWorkerIdLength = 253;

    private readonly PutReply _reply = new();
    private string _workerId = "";
    private ulong _epoch;
    private DirectIntake? _target;
    private BlockIntake? _intake;

    public async Task<PutReply> RunAsync(IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken)
    {
        if (!await frames.MoveNext(cancellationToken))
        {
            return _reply;
        }

        using (Protocol.SlabFrame first = frames.Current)
        {
            _target = await BeginAsync(first, cancellationToken);
            try
            {
                await TakeAllAsync(first, frames, cancellationToken);
                return _reply;
            }
            catch (Exception error) when (_target.Closing.IsCancellationRequested && error is not RpcException { StatusCode: not StatusCode.Cancelled })
            {
                throw new RpcException(_target.CloseStatus);
            }
            finally
            {
                _target.Leave();
            }
        }
    }

    private async Task<DirectIntake> BeginAsync(Protocol.SlabFrame first, CancellationToken cancellationToken)
    {
        if (first.WorkerId.Length is 0 or > MaxWorkerIdLength)
        {
            throw new RpcException(CallStatus.InvalidField("worker_id", $"of the first frame must be 1 to {MaxWorkerIdLength} characters"));
        }

        (_workerId, _epoch) = (first.WorkerId, first.Epoch);
        ThrowIfStale();
        DirectIntake? target = await handOvers.FindAsync(first.Owner, cancellationToken);
        return target?.TryTake() == true ? target : throw new RpcException(DirectStatus.NobodyWaits);
    }

    private async Task TakeAllAsync(Protocol.SlabFrame first, IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _target!.Closing);

        // Until there is room for the Sequence, its slabs wait where they are.
        _intake = await _target.Admitted.WaitAsync(either.Token) ?? throw new RpcException(_target.CloseStatus);
        Take(first);
        while (await frames.MoveNext(either.Token))
        {
            using Protocol.SlabFrame frame = frames.Current;
            Take(frame);
        }
    }

    private void Take(Protocol.SlabFrame frame)
    {
        ThrowIfStale();
        if (SlabIntake.CheckFields(frame) is { } invalid)
        {
            throw new RpcException(invalid);
        }

        if (SlabIntake.Verify(frame, _epoch, out SlabError error, out VerifiedSlab slab) is { } refused)
        {
            _intake!.CountRefused();
            throw Refuse(refused, error, frame);
        }

        // Only now: a bit that changed in the epoch of a frame must not lock its writer out.
        epochs.Observe(_workerId, _epoch);
        int sizeBytes = slab.Lease.SizeBytes;
        error = !_intake!.Wants(frame.BlockId) ? SlabError.WrongBlock
            : frame.LayerCount != _intake.LayerCount ? SlabError.WrongGeometry
            : _intake.Expectation(frame.BlockId).Compare(slab.Header);
        if (error != SlabError.None)
        {
            slab.Lease.Dispose();
            _intake.CountRefused();
            throw Refuse(CallStatus.SlabRefused(error, frame.BlockId, frame.Layer), error, frame);
        }

        error = _intake.Add(slab.Header, slab.Lease, out bool isKept);
        if (error != SlabError.None)
        {
            throw Refuse(CallStatus.SlabRefused(error, frame.BlockId, frame.Layer), error, frame);
        }

        Count(isKept, sizeBytes);
    }

    private void Count(bool isKept, int sizeBytes)
    {
        if (!isKept)
        {
            _reply.SlabsKnown++;
            return;
        }

        _reply.SlabsStored++;
        _reply.BytesStored += sizeBytes;
        metrics.RecordDirectSlab(sizeBytes);
        _target!.Note(sizeBytes, _intake!.IsComplete);
    }

    private void ThrowIfStale()
    {
        if (epochs.IsOver(_workerId, _epoch))
        {
            metrics.RecordStalePut();
            throw new RpcException(CallStatus.StaleEpoch(_workerId, _epoch));
        }
    }

    private RpcException Refuse(Status status, SlabError error, Protocol.SlabFrame frame)
    {
        metrics.RecordRefused(error == SlabError.None ? CallStatus.WrongEpoch : error.MetricName());
        log.SlabRefused(_workerId, frame.BlockId, frame.Layer, status.Detail);
        return CallStatus.Refusal(status, error);
    }
}
