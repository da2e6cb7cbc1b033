using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Workers;

/// <summary>Counts running calls, so that a worker that is told to stop refuses new ones and lets these end.</summary>
internal sealed class CallDrain : IDrainable
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _isEmpty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _callCount;
    private bool _isDraining;

    /// <summary>False once the worker stops.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            _callCount += _isDraining ? 0 : 1;
            return !_isDraining;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            _callCount--;
            SetEmpty();
        }
    }

    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _isDraining = true;
            SetEmpty();
        }

        await _isEmpty.Task.WaitAsync(cancellationToken);
    }

    private void SetEmpty()
    {
        if (_isDraining && _callCount == 0)
        {
            _isEmpty.TrySetResult();
        }
    }
}
