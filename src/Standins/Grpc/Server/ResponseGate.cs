namespace Grpc.AspNetCore.Server;

/// <summary>
/// Who may touch a response: free → writing → free, until closed. A close that comes during a write runs when the write leaves.
/// The first close wins; later ones wait for it.
/// </summary>
internal sealed class ResponseGate
{
    private const int Free = 0;
    private const int Writing = 1;
    private const int CloseWaits = 2;
    private const int Closed = 3;

    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state;
    private int _closers;
    private Func<Task>? _close;

    public enum Entry
    {
        Taken,
        Busy,
        Closed,
    }

    public Entry TryEnter() => Interlocked.CompareExchange(ref _state, Writing, Free) switch
    {
        Free => Entry.Taken,
        Writing => Entry.Busy,
        _ => Entry.Closed,
    };

    public void Leave()
    {
        if (Interlocked.CompareExchange(ref _state, Free, Writing) != Writing)
        {
            _state = Closed;
            _ = RunAsync();
        }
    }

    public Task CloseAsync(Func<Task> close)
    {
        if (Interlocked.Increment(ref _closers) > 1)
        {
            return _closed.Task;
        }

        _close = close;
        if (Interlocked.CompareExchange(ref _state, Closed, Free) == Free)
        {
            return RunAsync();
        }

        // A write is in progress: it closes when it leaves, unless it left between the two exchanges.
        if (Interlocked.CompareExchange(ref _state, CloseWaits, Writing) == Writing)
        {
            return _closed.Task;
        }

        return CloseLateAsync();
    }

    private Task CloseLateAsync()
    {
        var wait = new SpinWait();
        while (true)
        {
            if (Interlocked.CompareExchange(ref _state, Closed, Free) == Free)
            {
                return RunAsync();
            }

            if (Interlocked.CompareExchange(ref _state, CloseWaits, Writing) == Writing)
            {
                return _closed.Task;
            }

            wait.SpinOnce();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await _close!();
        }
        finally
        {
            _closed.TrySetResult();
        }
    }
}
