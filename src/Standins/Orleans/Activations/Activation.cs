using Microsoft.Extensions.DependencyInjection;
using Orleans.Enumeration;
using Orleans.Proxies;
using Orleans.Runtime;
using Orleans.Timers;

namespace Orleans.Activations;

/// <summary>
/// One live instance of a grain. <c>_gate</c> guards state and the two lists; grain code never runs under it. At most one turn runs
/// at a time (<see cref="TurnScheduler"/>); which requests may be between turns at once is decided by <see cref="MayStart"/>.
/// </summary>
internal sealed partial class Activation : IGrainContext, ICallTarget
{
    private readonly Lock _gate = new();
    private readonly TurnScheduler _scheduler;
    private readonly WorkerPool? _pool;
    private readonly HashSet<GrainTimer> _timers = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AsyncServiceScope _scope;
    private ActivationState _state;
    private long _lastActive;
    private long _keepUntil = long.MinValue;

    public Activation(Silo silo, GrainId grainId, GrainClass grainClass, WorkerPool? pool = null)
    {
        Silo = silo;
        GrainId = grainId;
        Class = grainClass;
        _pool = pool;
        _scheduler = new TurnScheduler(this);
        _lastActive = silo.Clock.GetTimestamp();
        GrainReference = GrainInterface.Untyped.CreateReference(silo, grainId);
        Enumerations = new Enumerations(this);
    }

    /// <summary>The activation whose turn is running on this thread.</summary>
    public static Activation? Current => TurnScheduler.Running?.Activation;

    public Silo Silo { get; }

    public GrainClass Class { get; }

    public GrainId GrainId { get; }

    public ActivationId ActivationId { get; } = ActivationId.NewId();

    public GrainReference GrainReference { get; }

    public object? GrainInstance { get; private set; }

    public IServiceProvider ActivationServices => _scope.ServiceProvider;

    public Task Deactivated => _ended.Task;

    public Enumerations Enumerations { get; }

    /// <summary>The filters around calls: the silo's, then the grain itself if it is one.</summary>
    public IIncomingGrainCallFilter[] Filters { get; private set; } = [];

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public override bool Equals(object? obj) => ReferenceEquals(this, obj);

    public override int GetHashCode() => ActivationId.GetHashCode();

    public override string ToString() => $"{GrainId}{ActivationId}";

    /// <summary>Spares it from idle collection until then; zero or less takes that back.</summary>
    public void DelayDeactivation(TimeSpan time)
    {
        lock (_gate)
        {
            _keepUntil = time <= TimeSpan.Zero ? long.MinValue
                : time == TimeSpan.MaxValue ? long.MaxValue
                : Silo.After(time);
        }
    }

    /// <summary>Ends it when it has been idle for the age of its class.</summary>
    public void CollectIfIdle()
    {
        bool isIdle;
        lock (_gate)
        {
            isIdle = _state is ActivationState.Active && _running.Count == 0
                && Silo.Clock.GetTimestamp() >= _keepUntil
                && Silo.Clock.GetElapsedTime(_lastActive) >= Silo.AgeOf(Class);
        }

        if (isIdle)
        {
            Deactivate(new DeactivationReason(DeactivationReasonCode.ActivationIdle, $"Idle for {Silo.AgeOf(Class)}."));
        }
    }

    public IGrainTimer RegisterTimer<TState>(
        Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    {
        if (Current != this)
        {
            throw new InvalidOperationException($"Grain timers are made in a turn of the grain. This is not one of {GrainId}.");
        }

        var timer = new GrainTimer<TState>(this, callback, state, options);
        lock (_gate)
        {
            _timers.Add(timer);
        }

        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Forget(GrainTimer timer)
    {
        lock (_gate)
        {
            _timers.Remove(timer);
        }
    }

    /// <summary>Runs <paramref name="turn"/> in order with the other turns.</summary>
    public void Enqueue(Turn turn) => _scheduler.Enqueue(turn);
}
