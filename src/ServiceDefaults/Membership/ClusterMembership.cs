using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>
/// Keeps this worker in the cluster: registers, sends heartbeats, registers again when it was forgotten or the Gateway was lost, says
/// when it drains, and leaves at the end.
/// </summary>
internal sealed class ClusterMembership : IHostedLifecycleService, IClusterMembership, IDrainable, IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Of heartbeats of a worker that knows no shard, and so stores nothing: for half a minute, then there may be none.</summary>
    private static readonly TimeSpan StorelessInterval = TimeSpan.FromMilliseconds(250);
    private const int MaxStorelessBeatCount = 120;

    private readonly MembershipOptions _options;
    private readonly IWorkerLoadSource _load;
    private readonly IServiceProvider _services;
    private readonly HostReadiness _readiness;
    private readonly IWorkerEpochObserver[] _epochObservers;
    private readonly TimeProvider _time;
    private readonly ILogger<ClusterMembership> _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Backoff _backoff = new(new Random());
    private GrpcChannel? _channel;
    private Task _loop = Task.CompletedTask;
    private volatile MembershipSnapshot _current = MembershipSnapshot.None;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClusterMembership(
        MembershipOptions options,
        IWorkerLoadSource load,
        IServiceProvider services,
        HostReadiness readiness,
        IEnumerable<IWorkerEpochObserver> epochObservers,
        TimeProvider time,
        ILogger<ClusterMembership> logger)
    {
        _epochObservers = [.. epochObservers];
        (_options, _load, _services, _readiness, _time, _logger) = (options, load, services, readiness, time, logger);
        if (_options.GatewayAddress.Length > 0)
        {
            _readiness.Block(this, "not registered with the Gateway");
        }
    }

    public MembershipSnapshot Current => _current;

    public string WorkerId => _options.Worker.WorkerId;

    public string Address => _options.Worker.Address;

    public TimeSpan HeartbeatInterval { get; private set; }

    public async Task<MembershipSnapshot> WaitForStoreAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed = Volatile.Read(ref _changed).Task;
            if (_current is { Epoch: > 0, KvStoreAddresses.Count: > 0 } snapshot)
            {
                return snapshot;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The server listens by now, so the address is known and calls would be answered.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (_options.GatewayAddress.Length > 0)
        {
            _channel = GrpcChannels.Create(_options.GatewayAddress);
            _options.Worker.Address = AdvertisedAddress.Choose(_options.AdvertisedAddress, ServiceHost.Addresses(_services)[0]);
            _loop = RunAsync(new Cluster.ClusterClient(_channel), _stop.Token);
        }

        return Task.CompletedTask;
    }

    public Task DrainAsync(CancellationToken cancellationToken) => DeregisterAsync(isDraining: true, cancellationToken);

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _loop.WaitAsync(cancellationToken);
        await DeregisterAsync(isDraining: false, cancellationToken);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _channel?.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(Cluster.ClusterClient client, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested && !_readiness.IsDraining)
            {
                TimeSpan wait;
                try
                {
                    wait = await StayAsync(client, stop);
                }
                catch (RpcException error) when (!stop.IsCancellationRequested)
                {
                    Log.GatewayLost(_logger, _options.GatewayAddress, error.Status.Detail);
                    wait = _backoff.Next();
                }

                await Task.Delay(wait, _time, stop);
            }
        }
        catch (Exception error) when (stop.IsCancellationRequested && error is OperationCanceledException or RpcException)
        {
            // Told to stop.
        }
    }

    /// <summary>Registers, then sends heartbeats until one says that this worker is not known.</summary>
    /// <returns>How long to wait before registering again.</returns>
    private async Task<TimeSpan> StayAsync(Cluster.ClusterClient client, CancellationToken stop)
    {
        RegisterReply reply = await client.RegisterAsync(new RegisterRequest { Worker = _options.Worker }, Options(stop));
        HeartbeatInterval = TimeSpan.FromMilliseconds(Math.Max(reply.HeartbeatIntervalMs, 10));
        Array.ForEach(_epochObservers, observer => observer.Observe(reply.WorkerEpochs));
        Publish(new MembershipSnapshot(reply.Epoch, ShardView.Of(reply.KvstoreAddresses, reply.ShardMoves, reply.ReplicaCount))
        {
            Joins = JoinsOf(reply.ShardMoves),
        });
        _readiness.Unblock(this);
        Log.Joined(_logger, _options.GatewayAddress, _options.Worker.WorkerId, reply.Epoch, _options.Worker.Address);
        for (int storelessCount = 0; ;)
        {
            bool isHurried = _current.KvStoreAddresses.Count == 0 && _options.Worker.Role != WorkerRole.Kvstore
                && HeartbeatInterval > StorelessInterval && storelessCount++ < MaxStorelessBeatCount;
            await Task.Delay(isHurried ? StorelessInterval : HeartbeatInterval, _time, stop);
            try
            {
                await BeatAsync(client, stop);
                _backoff.Reset();
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.NotFound)
            {
                Log.Forgotten(_logger, _options.Worker.WorkerId);
                return TimeSpan.Zero;
            }
            catch (RpcException error) when (error.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded && !stop.IsCancellationRequested)
            {
                // The Gateway may only be slow or restarting: a new epoch is asked for when it says it does not know us.
                Log.GatewayLost(_logger, _options.GatewayAddress, error.Status.Detail);
            }
        }
    }

    private async Task BeatAsync(Cluster.ClusterClient client, CancellationToken stop)
    {
        HeartbeatReply reply = await client.HeartbeatAsync(
            new HeartbeatRequest { WorkerId = _options.Worker.WorkerId, Epoch = _current.Epoch, Load = _load.CurrentLoad() }, Options(stop));
        Array.ForEach(_epochObservers, observer => observer.Observe(reply.WorkerEpochs));
        ShardView shards = ShardView.Of(reply.KvstoreAddresses, reply.ShardMoves, reply.ReplicaCount);
        ShardJoin[] joins = JoinsOf(reply.ShardMoves);
        if (!_current.Shards.Equals(shards) || !_current.Joins.SequenceEqual(joins))
        {
            Publish(_current with { Shards = shards, Joins = joins });
        }
    }

    private static ShardJoin[] JoinsOf(IEnumerable<ShardMove> moves) =>
        [.. moves.Where(move => !move.IsLeaving).Select(move => new ShardJoin(move.Address, move.Epoch))];

    private async Task DeregisterAsync(bool isDraining, CancellationToken cancellationToken)
    {
        if (_channel is null || _current.Epoch == 0)
        {
            return;
        }

        try
        {
            await new Cluster.ClusterClient(_channel).DeregisterAsync(
                new DeregisterRequest { WorkerId = _options.Worker.WorkerId, Epoch = _current.Epoch, Draining = isDraining },
                Options(cancellationToken));
            Log.Left(_logger, _options.Worker.WorkerId);
        }
        catch (RpcException error)
        {
            // It will notice by the silence.
            Log.GatewayLost(_logger, _options.GatewayAddress, error.Status.Detail);
        }
    }

    private void Publish(MembershipSnapshot snapshot)
    {
        _current = snapshot;
        Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    private CallOptions Options(CancellationToken cancellationToken) =>
        new(deadline: _time.GetUtcNow().UtcDateTime + CallTimeout, cancellationToken: cancellationToken);
}
