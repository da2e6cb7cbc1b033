using Orleans.Activations;

namespace Orleans.Enumeration;

/// <summary>One enumeration at the grain's side.</summary>
internal abstract class Entry
{
    /// <summary>Whether nobody has polled for the response timeout, nor is waiting.</summary>
    public abstract bool IsForgotten { get; }

    /// <summary>Lets the waiting poll return without an item; later ones do not wait either.</summary>
    public abstract void Release();

    public abstract Task DisposeAsync();
}

/// <summary>
/// Steps the grain's enumerator on demand: a poll takes what is ready at once, up to the batch size, and waits only when nothing is.
/// At most one step is under way, so the grain is never more than that ahead of its consumer.
/// </summary>
internal sealed class Entry<T> : Entry
{
    private readonly Activation _activation;
    private readonly IAsyncEnumerator<T> _items;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly CancellationTokenSource _release = new();
    private Task<bool>? _step;
    private long _lastPoll;
    private int _waitingPollCount;

    public Entry(Activation activation, EnumerableCall<T> call)
    {
        _activation = activation;
        IAsyncEnumerable<T> items;
        lock (call)
        {
            // Both ways to the token: the method's own parameter, and the enumerator's for [EnumeratorCancellation].
            call.Token = _cancellation.Token;
            items = call.Call(activation.GrainInstance!);
        }

        _items = items.GetAsyncEnumerator(_cancellation.Token);
    }

    public override bool IsForgotten => _waitingPollCount == 0
        && _activation.Silo.Clock.GetElapsedTime(_lastPoll) > _activation.Silo.ResponseTimeout;

    public async Task<Page<T>> PollAsync(int maxBatchSize)
    {
        List<T>? batch = null;
        _lastPoll = _activation.Silo.Clock.GetTimestamp();
        while (batch is null || batch.Count < maxBatchSize)
        {
            _step ??= Step();
            if (batch is not null && !_step.IsCompletedSuccessfully)
            {
                break;
            }

            if (!_step.IsCompleted)
            {
                await WaitAsync(_step);
                if (!_step.IsCompleted)
                {
                    break;
                }
            }

            var hasItem = await _step;
            _step = null;
            if (!hasItem)
            {
                return new Page<T>(batch, PageEnd.Completed);
            }

            (batch ??= []).Add(_items.Current);
        }

        return new Page<T>(batch, PageEnd.More);
    }

    public override void Release() => _release.Cancel();

    public override async Task DisposeAsync()
    {
        var silo = _activation.Silo;
        try
        {
            _cancellation.Cancel();
            if (_step is not null)
            {
                // A grain that does not heed the token keeps its enumerator: it cannot be disposed in the middle of a step.
                await ((Task)_step).WaitAsync(silo.ResponseTimeout, silo.Clock)
                    .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            }

            if (_step is null or { IsCompleted: true })
            {
                await _items.DisposeAsync();
            }
            else
            {
                throw new TimeoutException("The grain did not heed the cancellation of its enumeration.");
            }
        }
        catch (Exception exception)
        {
            Log.EnumerationEndFailed(silo.Logger, _activation.GrainId, exception);
        }
    }

    private Task<bool> Step()
    {
        try
        {
            return _items.MoveNextAsync().AsTask();
        }
        catch (Exception exception)
        {
            return Task.FromException<bool>(exception);
        }
    }

    private async Task WaitAsync(Task step)
    {
        _waitingPollCount++;
        await step.WaitAsync(_release.Token)
            .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        _waitingPollCount--;
        _lastPoll = _activation.Silo.Clock.GetTimestamp();
    }
}
