using Grpc.Core;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// The time that a request spends on one worker: its token is cancelled when the request is, when the worker leaves its pool,
/// and when it gives no sign for too long. Disposing gives the placement back.
/// </summary>
/// <remarks>
/// Until the worker's first word in this call it may be busy with others: then it counts as a sign that its load changes. Afterwards only its own
/// words do.
/// </remarks>
internal sealed class WorkerCall : IAsyncDisposable
{
    private readonly RequestServices _services;
    private readonly IWorkerPoolGrain _pool;
    private readonly CancellationTokenSource _cancellation;
    private readonly PrefixLease _lease;
    private readonly Func<bool> _waitsForOthers;
    private readonly Task _watch;
    private LoadReport? _load;
    private long _signAt;
    private bool _hasSpoken;
    private string? _lossReason;

    /// <param name="services">Options and clock.</param>
    /// <param name="poolKey">The worker's pool.</param>
    /// <param name="placement">The worker.</param>
    /// <param name="lease">Kept alive meanwhile.</param>
    /// <param name="waitsForOthers">Whether it is somebody else's turn to act, so that silence says nothing.</param>
    /// <param name="cancellationToken">Of the request.</param>
    public WorkerCall(
        RequestServices services,
        string poolKey,
        Placement placement,
        PrefixLease lease,
        Func<bool> waitsForOthers,
        CancellationToken cancellationToken)
    {
        _waitsForOthers = waitsForOthers;
        _services = services;
        _pool = services.Pool(poolKey);
        _lease = lease;
        Placement = placement;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Token = _cancellation.Token;
        _signAt = services.Time.GetTimestamp();
        _watch = WatchAsync();
    }

    public Placement Placement { get; }

    public CancellationToken Token { get; }

    /// <summary>The worker said something in this call.</summary>
    public void NoteWord()
    {
        _hasSpoken = true;
        NoteSign();
    }

    /// <summary>The request needs this call no longer.</summary>
    public bool IsEnded { get; private set; }

    public void End()
    {
        IsEnded = true;
        _cancellation.Cancel();
    }

    /// <summary>What went wrong, for logs and the client.</summary>
    public string Describe(Exception e) => _lossReason ?? (e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message);

    /// <summary>Whether the worker is lost, as opposed to one that refused this request.</summary>
    public bool IsLoss(Exception e) => _lossReason is not null || e is not RpcException
    {
        StatusCode: StatusCode.ResourceExhausted or StatusCode.FailedPrecondition or StatusCode.InvalidArgument
            or StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.Unknown,
    };

    /// <summary>Spares other requests a worker that this one lost.</summary>
    public Task SuspectAsync() => _pool.Suspect(Placement.Worker.WorkerId, Placement.Epoch);

    public async ValueTask DisposeAsync()
    {
        await _cancellation.CancelAsync();
        await _watch;
        _cancellation.Dispose();
        await _pool.Release(Placement.ReservationId);
    }

    private void NoteSign() => _signAt = _services.Time.GetTimestamp();

    private async Task WatchAsync()
    {
        // Leases are renewed in time however seldom workers report.
        TimeSpan interval = TimeSpan.FromMilliseconds(Math.Min(_services.Options.HeartbeatIntervalMs, _services.Options.LeaseMs / 3));
        TimeSpan stall = TimeSpan.FromMilliseconds(_services.Options.StallTimeoutMs);
        try
        {
            while (true)
            {
                await Task.Delay(interval, _services.Time, Token);
                await _lease.RenewIfDueAsync(Token);
                LoadReport? load = await _pool.LoadOf(Placement.Worker.WorkerId, Placement.Epoch);
                bool getsOn = load != _load && !_hasSpoken;
                _load = load;
                if (getsOn || _waitsForOthers())
                {
                    NoteSign();
                }

                if (load is null)
                {
                    _lossReason = "left its pool: no heartbeat, or restarted";
                }
                else if (stall > TimeSpan.Zero && _services.Time.GetElapsedTime(_signAt) > stall)
                {
                    _lossReason = $"gave no sign for {stall.TotalSeconds:0} s";
                }

                if (_lossReason is not null)
                {
                    await _cancellation.CancelAsync();
                }
            }
        }
        catch (OperationCanceledException) when (Token.IsCancellationRequested)
        {
            return;
        }
        catch (RpcException) when (Token.IsCancellationRequested)
        {
            return;
        }
    }
}
