using Microsoft.Extensions.DependencyInjection;
using Orleans.Calls;
using Orleans.Timers;

namespace Orleans.Activations;

internal sealed partial class Activation
{
    private DeactivationReason? _reason;
    private CancellationToken _hurry;
    private CancellationTokenSource? _patience;
    private bool _isEnding;

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            switch (_state)
            {
                case ActivationState.Created:
                    // Nothing was constructed; the first call, if one is on its way, finds it ended.
                    _state = ActivationState.Ended;
                    break;
                case ActivationState.Activating:
                    _reason ??= deactivationReason;
                    _hurry = cancellationToken;
                    return;
                case ActivationState.Active:
                    _reason = deactivationReason;
                    _hurry = cancellationToken;
                    EnterDeactivating();
                    return;
                default:
                    return;
            }
        }

        Leave();
    }

    private void EnterDeactivating()
    {
        _state = ActivationState.Deactivating;
        _patience = new CancellationTokenSource(Silo.Collection.DeactivationTimeout, Silo.Clock);
        _scheduler.Enqueue(new AsyncTurn(Enumerations.ReleaseAsync));
        if (_running.Count == 0)
        {
            BeginEnding();
            return;
        }

        _patience.Token.UnsafeRegister(static self => ((Activation)self!).StopWaiting(), this);
        _hurry.UnsafeRegister(static self => ((Activation)self!).StopWaiting(), this);
    }

    /// <summary>Ends without the requests that still run.</summary>
    private void StopWaiting()
    {
        lock (_gate)
        {
            BeginEnding();
        }
    }

    private void BeginEnding()
    {
        if (!_isEnding)
        {
            _isEnding = true;
            _scheduler.Enqueue(new AsyncTurn(EndAsync));
        }
    }

    private async Task ActivateAsync()
    {
        var limit = Silo.Collection.ActivationTimeout;
        using var patience = new CancellationTokenSource(limit, Silo.Clock);
        try
        {
            _scope = Silo.Services.CreateAsyncScope();
            _scope.ServiceProvider.GetRequiredService<ActivationSlot>().Activation = this;
            (GrainInstance, var states) = Class.Create(this);
            Filters = GrainInstance is IIncomingGrainCallFilter own ? [.. Silo.Filters, own] : Silo.Filters;
            foreach (var state in states)
            {
                await state.ReadStateAsync(patience.Token);
            }

            if (GrainInstance is IGrainBase grain)
            {
                await grain.OnActivateAsync(patience.Token).WaitAsync(patience.Token);
            }
        }
        catch (Exception exception)
        {
            var cause = patience.IsCancellationRequested
                ? new TimeoutException($"{GrainId} was not activated within {limit}.", exception)
                : exception;
            await AbandonAsync(cause);
            return;
        }

        Silo.Counters.Activated();
        lock (_gate)
        {
            _lastActive = Silo.Clock.GetTimestamp();
            if (_reason is null)
            {
                _state = ActivationState.Active;
                Pump();
            }
            else
            {
                EnterDeactivating();
            }
        }
    }

    private async Task AbandonAsync(Exception exception)
    {
        Log.ActivationFailed(Silo.Logger, GrainId, exception);
        Silo.Counters.ActivationFailed();
        DisposeTimers();
        await DisposeGrainAsync();
        var calls = TakeWaiting();
        Leave();
        foreach (var call in calls)
        {
            call.Fail(exception);
        }
    }

    private async Task EndAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_patience!.Token, _hurry);
        var reason = _reason!.Value;
        DisposeTimers();
        try
        {
            if (GrainInstance is IGrainBase grain)
            {
                await grain.OnDeactivateAsync(reason, patience.Token).WaitAsync(patience.Token);
            }
        }
        catch (Exception exception)
        {
            Log.DeactivationFailed(Silo.Logger, GrainId, exception);
        }

        await Enumerations.DisposeAsync();
        await DisposeGrainAsync();
        var calls = TakeWaiting();
        Silo.Counters.Deactivated();
        Leave();
        _patience.Dispose();
        foreach (var call in calls)
        {
            Silo.Forward(call, reason);
        }
    }

    private void DisposeTimers()
    {
        GrainTimer[] timers;
        lock (_gate)
        {
            timers = [.. _timers];
        }

        foreach (var timer in timers)
        {
            timer.Dispose();
        }
    }

    private async Task DisposeGrainAsync()
    {
        try
        {
            switch (GrainInstance)
            {
                case IAsyncDisposable disposable:
                    await disposable.DisposeAsync();
                    break;
                case IDisposable disposable:
                    disposable.Dispose();
                    break;
            }

            await _scope.DisposeAsync();
        }
        catch (Exception exception)
        {
            Log.DeactivationFailed(Silo.Logger, GrainId, exception);
        }
    }

    /// <summary>From here on calls are refused, and go to a fresh activation.</summary>
    private GrainCall[] TakeWaiting()
    {
        lock (_gate)
        {
            _state = ActivationState.Ended;
            GrainCall[] calls = [.. _waiting.Where(static call => call is not GrainTimer)];
            _waiting.Clear();
            return calls;
        }
    }

    private void Leave()
    {
        if (_pool is null)
        {
            Silo.Catalog.Remove(GrainId, this);
        }
        else
        {
            _pool.Remove(this);
        }

        _ended.TrySetResult();
    }
}
