using System.Threading.Channels;
using Grpc.Core;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.HealthCheck;

/// <summary>Health service whose statuses are set by hand, one for each service name.</summary>
public class HealthServiceImpl : Grpc.Health.V1.Health.HealthBase
{
    /// <summary>Changes kept for a watcher that is slow to read; of more, the oldest are dropped.</summary>
    private const int WatchBacklog = 5;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, ServingStatus> _statuses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ChannelWriter<ServingStatus>>> _watchers = new(StringComparer.Ordinal);

    public void SetStatus(string service, ServingStatus status)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (_lock)
        {
            if (StatusOf(service) != status)
            {
                Notify(service, status);
            }

            _statuses[service] = status;
        }
    }

    public void ClearStatus(string service)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (_lock)
        {
            Clear(service);
        }
    }

    public void ClearAll()
    {
        lock (_lock)
        {
            foreach (var service in _statuses.Keys.ToArray())
            {
                Clear(service);
            }
        }
    }

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        lock (_lock)
        {
            return _statuses.TryGetValue(request.Service, out var status)
                ? Task.FromResult(new HealthCheckResponse { Status = status })
                : throw new RpcException(new Status(StatusCode.NotFound, $"No health is known of a service '{request.Service}'."));
        }
    }

    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        var changes = Channel.CreateBounded<ServingStatus>(
            new BoundedChannelOptions(WatchBacklog) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        using var cancelled = context.CancellationToken.UnsafeRegister(
            static state => ((ChannelWriter<ServingStatus>)state!).TryComplete(), changes.Writer);
        lock (_lock)
        {
            changes.Writer.TryWrite(StatusOf(request.Service));
            WatchersOf(request.Service).Add(changes.Writer);
        }

        try
        {
            await foreach (var status in changes.Reader.ReadAllAsync())
            {
                if (context.CancellationToken.IsCancellationRequested)
                {
                    return;
                }

                await responseStream.WriteAsync(new HealthCheckResponse { Status = status });
            }
        }
        finally
        {
            lock (_lock)
            {
                WatchersOf(request.Service).Remove(changes.Writer);
            }
        }
    }

    private ServingStatus StatusOf(string service) => _statuses.GetValueOrDefault(service, ServingStatus.ServiceUnknown);

    private List<ChannelWriter<ServingStatus>> WatchersOf(string service)
    {
        if (!_watchers.TryGetValue(service, out var watchers))
        {
            _watchers.Add(service, watchers = []);
        }

        return watchers;
    }

    private void Clear(string service)
    {
        if (_statuses.Remove(service, out var status) && status != ServingStatus.ServiceUnknown)
        {
            Notify(service, ServingStatus.ServiceUnknown);
        }
    }

    private void Notify(string service, ServingStatus status)
    {
        foreach (var watcher in WatchersOf(service))
        {
            watcher.TryWrite(status);
        }
    }
}
