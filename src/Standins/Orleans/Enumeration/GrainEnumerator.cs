using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Enumeration;

/// <summary>Fetches pages of items from the grain, and ends the enumeration there when it is left early.</summary>
internal sealed class GrainEnumerator<T> : IAsyncEnumerator<T>
{
    private readonly GrainReference _target;
    private readonly EnumerableCall<T> _call;
    private readonly int _maxBatchSize;
    private readonly CancellationTokenSource? _linked;
    private readonly CancellationToken _token;
    private readonly Guid _id = Guid.NewGuid();
    private Page<T>? _page;
    private int _index;
    private bool _isStarted;
    private bool _isOver;

    public GrainEnumerator(
        GrainReference target, EnumerableCall<T> call, int maxBatchSize, CancellationToken argument, CancellationToken cancellationToken)
    {
        _target = target;
        _call = call;
        _maxBatchSize = maxBatchSize;
        if (argument.CanBeCanceled && cancellationToken.CanBeCanceled && argument != cancellationToken)
        {
            _linked = CancellationTokenSource.CreateLinkedTokenSource(argument, cancellationToken);
        }

        _token = _linked?.Token ?? (argument.CanBeCanceled ? argument : cancellationToken);
    }

    public T Current => _page is { Items: { } items } && _index < items.Count
        ? items[_index]
        : throw new InvalidOperationException("There is no current item. Await MoveNextAsync first and heed its result.");

    public async ValueTask<bool> MoveNextAsync()
    {
        if (_page?.Items is { } items && ++_index < items.Count)
        {
            return true;
        }

        if (_isOver)
        {
            return false;
        }

        try
        {
            do
            {
                _token.ThrowIfCancellationRequested();
                _page = await PollAsync().ConfigureAwait(false);
                _index = 0;
            }
            while (_page is { Items: null, End: PageEnd.More });
        }
        catch
        {
            await EndAsync().ConfigureAwait(false);
            throw;
        }

        _isOver = _page.End is not PageEnd.More;
        return _page.End is not PageEnd.Unknown
            ? _page.Items is not null
            : throw new EnumerationAbortedException(
                $"{_target.GrainId} no longer knows this enumeration: it was deactivated, or the consumer paused longer than the response timeout.");
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync().ConfigureAwait(false);
        _linked?.Dispose();
    }

    private Task<Page<T>> PollAsync()
    {
        var poll = new PollCall<T>(_id, _isStarted ? null : _call, _maxBatchSize);
        _isStarted = true;
        poll.Dispatch(_target, PollCall<T>.Traits);
        return _token.CanBeCanceled ? poll.Result.WaitAsync(_token) : poll.Result;
    }

    private async Task EndAsync()
    {
        if (!_isStarted || _isOver)
        {
            return;
        }

        _isOver = true;
        var end = new EndCall(_id);
        end.Dispatch(_target, EndCall.Traits);
        try
        {
            await end.Result.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.EnumerationEndFailed(_target.Silo.Logger, _target.GrainId, exception);
        }
    }
}
