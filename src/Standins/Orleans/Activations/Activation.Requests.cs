using Orleans.Calls;
using Orleans.Storage;
using Orleans.Timers;

namespace Orleans.Activations;

internal sealed partial class Activation
{
    private readonly LinkedList<GrainCall> _waiting = new();
    private readonly LinkedList<GrainCall> _running = new();

    /// <summary>The running request that others must be allowed beside; it is the oldest one that does not always interleave.</summary>
    private GrainCall? _blocking;
    private bool _hasPumped;

    private bool IsClosed => !Class.IsReentrant && _blocking is { IsReadOnly: false };

    /// <summary>No request is running or waiting, and it serves calls.</summary>
    public bool IsInactive
    {
        get
        {
            lock (_gate)
            {
                return _state is ActivationState.Active && _running.Count == 0 && _waiting.Count == 0;
            }
        }
    }

    public int WaitingCount
    {
        get
        {
            lock (_gate)
            {
                return _state is ActivationState.Deactivating or ActivationState.Ended ? int.MaxValue : _waiting.Count;
            }
        }
    }

    public bool TryReceive(GrainCall call)
    {
        lock (_gate)
        {
            if (_state is ActivationState.Ended || (call is GrainTimer && _state is ActivationState.Deactivating))
            {
                return false;
            }

            call.Activation = this;
            if (_state is ActivationState.Active && MayStart(call))
            {
                Start(call);
                return true;
            }

            _waiting.AddLast(call.Node);
            if (_state is ActivationState.Created)
            {
                _state = ActivationState.Activating;
                _scheduler.Enqueue(new AsyncTurn(ActivateAsync));
            }

            return true;
        }
    }

    public void OnCompleted(GrainCall call, Exception? exception)
    {
        lock (_gate)
        {
            _running.Remove(call.Node);
            if (call.KeepsActive)
            {
                _lastActive = Silo.Clock.GetTimestamp();
            }

            if (_blocking == call)
            {
                _blocking = null;
            }

            Pump();
        }

        if (exception is null)
        {
            return;
        }

        if (call.Method.IsOneWay)
        {
            Log.OneWayCallFailed(Silo.Logger, call, exception);
        }

        if (exception is InconsistentStateException { Origin: { } origin } conflict && origin == this)
        {
            conflict.Origin = null;
            Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationError, exception, "The grain's stored state changed."));
        }
    }

    /// <summary>The caller gave up: a waiting call is dropped, a running one sees its token cancelled in a turn.</summary>
    public void Cancel(GrainCall call, CancellationTokenSource cancellation)
    {
        lock (_gate)
        {
            if (call.Node.List == _waiting)
            {
                _waiting.Remove(call.Node);
                return;
            }
        }

        // In a turn, so that what the grain registered on its token never runs beside its other code.
        _scheduler.Enqueue(new CancelTurn(this, cancellation));
    }

    /// <summary>Fails calls that are past their deadline; what already runs goes on.</summary>
    public void FailLateCalls(long now)
    {
        List<GrainCall>? late = null;
        lock (_gate)
        {
            foreach (var call in _running)
            {
                if (call.Deadline < now)
                {
                    call.Deadline = long.MaxValue;
                    (late ??= []).Add(call);
                }
            }

            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Deadline < now)
                {
                    (late ??= []).Add(node.Value);
                    _waiting.Remove(node);
                }

                node = next;
            }
        }

        foreach (var call in late ?? [])
        {
            call.Fail(new TimeoutException($"No response in {Silo.TimeoutOf(call.Method)} from {call}."));
        }
    }

    /// <summary>Fails every call of this activation: the silo stops without waiting for them.</summary>
    public void FailAll(Func<GrainCall, Exception> exception)
    {
        GrainCall[] calls;
        lock (_gate)
        {
            calls = [.. _running, .. _waiting];
            _waiting.Clear();
        }

        foreach (var call in calls)
        {
            call.Fail(exception(call));
        }
    }

    private bool MayStart(GrainCall call) =>
        _blocking is null || call.IsAlwaysInterleave || Class.IsReentrant || (_blocking.IsReadOnly && call.IsReadOnly);

    private void Start(GrainCall call)
    {
        _running.AddLast(call.Node);
        if (!call.IsAlwaysInterleave)
        {
            _blocking ??= call;
        }

        _scheduler.Enqueue(call);
    }

    /// <summary>Starts the waiting requests that may start, oldest first, or ends the activation when it is time.</summary>
    private void Pump()
    {
        if (_state is ActivationState.Deactivating && _running.Count == 0)
        {
            BeginEnding();
        }

        if (_state is not ActivationState.Active)
        {
            return;
        }

        // Beside a request that lets nothing in only always interleaving ones could start. Those wait for the activation alone, so
        // they are looked for once.
        for (var node = _waiting.First; node is not null && !(_hasPumped && IsClosed);)
        {
            var next = node.Next;
            if (MayStart(node.Value))
            {
                _waiting.Remove(node);
                Start(node.Value);
            }

            node = next;
        }

        _hasPumped = true;
    }
}
