using System.Diagnostics;
using Orleans.Activations;
using Orleans.Proxies;
using Orleans.Runtime;

namespace Orleans.Calls;

/// <summary>A request with one result.</summary>
internal abstract class ResultCall<T> : GrainCall
{
    // Callers continue on their own scheduler, never inside the turn that set the result.
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Dictionary<string, object>? _context;
    private Activity? _activity;
    private CancellationTokenSource? _cancellation;
    private CancellationTokenRegistration _registration;
    private Task _running = Task.CompletedTask;

    /// <summary>What the caller awaits.</summary>
    public Task<T> Result => _result.Task;

    /// <summary>Calls the method on the instance; the task is a <see cref="Task{T}"/> unless T is <see cref="Nothing"/>.</summary>
    public abstract Task Call(object grain);

    public void Dispatch(GrainReference target, GrainMethod method)
    {
        Target = target;
        Method = method;
        Source = Activation.Current?.GrainId;
        _context = RequestContext.Snapshot;
        _activity = target.Silo.PropagatesActivity ? Activity.Current : null;
        var token = Token;
        if (token.IsCancellationRequested)
        {
            _result.TrySetCanceled(token);
            return;
        }

        if (token.CanBeCanceled)
        {
            // The grain sees a token of its own, cancelled in a turn of the activation.
            _cancellation = new CancellationTokenSource();
            Token = _cancellation.Token;
        }

        target.Silo.Send(this);
        if (token.CanBeCanceled && !Result.IsCompleted)
        {
            _registration = token.UnsafeRegister(static (call, cause) => ((ResultCall<T>)call!).Cancel(cause), this);
        }

        if (method.IsOneWay)
        {
            _result.TrySetResult(default!);
        }
    }

    public override void Run()
    {
        if (_context is not null)
        {
            RequestContext.Snapshot = _context;
        }

        if (_activity is not null)
        {
            Activity.Current = _activity;
        }

        var activation = Activation!;
        try
        {
            var filters = activation.Filters;
            _running = (filters.Length == 0 || Method.IsRuntimeCall ? Call(activation.GrainInstance!) : new FilteredCall<T>(this, activation, filters).RunAsync())
                ?? throw new InvalidOperationException($"{Method} returned null instead of a task.");
        }
        catch (Exception exception)
        {
            _running = Task.FromException(exception);
        }

        if (_running.IsCompleted)
        {
            Complete();
        }
        else
        {
            _running.GetAwaiter().UnsafeOnCompleted(Complete);
        }
    }

    public override void Fail(Exception exception)
    {
        if (_result.TrySetException(exception))
        {
            // Marked as seen: one-way callers and callers that gave up never look.
            _ = _result.Task.Exception;
        }

        _registration.Unregister();
    }

    /// <summary>The value of a task that <see cref="Call"/> returned.</summary>
    public static T ValueOf(Task task) => typeof(T) == typeof(Nothing) ? default! : ((Task<T>)task).GetAwaiter().GetResult();

    private void Complete()
    {
        _registration.Unregister();
        if (_running.IsCompletedSuccessfully)
        {
            Activation!.OnCompleted(this, null);
            _result.TrySetResult(ValueOf(_running));
            return;
        }

        try
        {
            _running.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException canceled)
        {
            Activation!.OnCompleted(this, null);
            _result.TrySetCanceled(canceled.CancellationToken);
        }
        catch (Exception exception)
        {
            Activation!.OnCompleted(this, exception);
            Fail(exception);
        }
    }

    private void Cancel(CancellationToken cause)
    {
        if (_result.TrySetCanceled(cause))
        {
            Activation?.Cancel(this, _cancellation!);
        }
    }
}
