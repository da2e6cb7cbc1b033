using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Calls;
using Orleans.Configuration;
using Orleans.Proxies;
using Orleans.Runtime;

namespace Orleans.Activations;

/// <summary>The runtime of one host: takes calls to their activations, and starts and stops.</summary>
internal sealed class Silo : IDisposable
{
    private readonly SiloMessagingOptions _messaging;
    private readonly long _timeout;
    private volatile SiloState _state;

    public Silo(
        IServiceProvider services,
        TimeProvider clock,
        IOptions<GrainCollectionOptions> collection,
        IOptions<SiloMessagingOptions> messaging,
        IOptions<SiloOptions> options,
        IOptions<ActivityPropagation> propagation,
        IEnumerable<IIncomingGrainCallFilter> filters,
        ILogger<Silo> logger)
    {
        Services = services;
        Clock = clock;
        Collection = collection.Value;
        _messaging = messaging.Value;
        _timeout = Ticks(_messaging.ResponseTimeout);
        Name = options.Value.SiloName;
        PropagatesActivity = propagation.Value.IsOn;
        Filters = [.. filters];
        Logger = logger;
        Catalog = new Catalog(this);
        Counters = new SiloCounters(() => Catalog.ActivationCount);
    }

    public string Name { get; }

    public IServiceProvider Services { get; }

    public TimeProvider Clock { get; }

    public GrainCollectionOptions Collection { get; }

    public TimeSpan ResponseTimeout => _messaging.ResponseTimeout;

    public bool PropagatesActivity { get; }

    public bool MayActivate => _state is SiloState.Running;

    public IIncomingGrainCallFilter[] Filters { get; }

    public ILogger Logger { get; }

    public Catalog Catalog { get; }

    public GrainClasses Classes { get; } = new();

    public SiloCounters Counters { get; }

    public void Start() => _state = SiloState.Running;

    /// <summary>
    /// Ends all activations. From now on none is made; the existing ones may still call each other. When
    /// <paramref name="cancellationToken"/> is cancelled, what has not ended is left, and its callers are told.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _state = SiloState.Stopping;
        var reason = new DeactivationReason(DeactivationReasonCode.ShuttingDown, "The silo stops.");
        try
        {
            // Again when one was made by a call that was under way.
            for (Activation[] all = [.. Catalog.Activations]; all.Length > 0; all = [.. Catalog.Activations])
            {
                foreach (var activation in all)
                {
                    activation.Deactivate(reason, cancellationToken);
                }

                await Task.WhenAll(all.Select(static activation => activation.Deactivated)).WaitAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            Log.StoppedEarly(Logger, Catalog.ActivationCount);
        }

        _state = SiloState.Stopped;
        foreach (var activation in Catalog.Activations)
        {
            activation.FailAll(static call => new SiloUnavailableException($"The silo stopped before {call} was done."));
        }
    }

    public GrainReference CreateReference(GrainId grainId, Type grainInterface) =>
        GrainInterface.Get(grainInterface).CreateReference(this, grainId);

    public void Send(GrainCall call)
    {
        if (!call.Method.IsOneWay)
        {
            call.Deadline = Clock.GetTimestamp() + (call.Method.Timeout is { } timeout ? Ticks(timeout) : _timeout);
        }

        Route(call);
    }

    /// <summary>Hands a call on whose activation ended before it got to it.</summary>
    public void Forward(GrainCall call, DeactivationReason reason)
    {
        call.Target.Route = null;
        if (++call.ForwardCount > _messaging.MaxForwardCount)
        {
            call.Fail(new OrleansMessageRejectionException(
                $"{call} met {call.ForwardCount} activations that ended first; the last one: {reason}"));
            return;
        }

        Route(call);
    }

    /// <summary>How long instances of a class may be idle.</summary>
    public TimeSpan AgeOf(GrainClass grainClass)
    {
        var age = Collection.ClassSpecificCollectionAge.TryGetValue(grainClass.Type.FullName!, out var specific)
            ? specific
            : grainClass.Age ?? Collection.CollectionAge;
        return age == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : age;
    }

    public TimeSpan TimeoutOf(GrainMethod method) => method.Timeout ?? _messaging.ResponseTimeout;

    /// <summary>The timestamp that is <paramref name="time"/> from now.</summary>
    public long After(TimeSpan time) => Clock.GetTimestamp() + Ticks(time);

    public void Dispose() => Counters.Dispose();

    private void Route(GrainCall call)
    {
        try
        {
            while (true)
            {
                if (_state is SiloState.Created)
                {
                    throw new InvalidOperationException($"{call} was called before the silo started. Start the host first.");
                }

                var target = call.Target.Route ?? Catalog.Find(call.Target.GrainId, mayCreate: MayActivate)
                    ?? throw new SiloUnavailableException($"The silo is stopping; it makes no activation for {call}.");
                if (_state is SiloState.Stopped)
                {
                    throw new SiloUnavailableException($"The silo has stopped; {call} cannot be served.");
                }

                if (target.TryReceive(call))
                {
                    call.Target.Route = target;
                    return;
                }

                call.Target.Route = null;
                Catalog.Remove(call.Target.GrainId, target);
            }
        }
        catch (Exception exception)
        {
            call.Fail(exception);
        }
    }

    private long Ticks(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? long.MaxValue / 2 : (long)(time.TotalSeconds * Clock.TimestampFrequency);
}
