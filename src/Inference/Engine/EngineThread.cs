namespace KvCluster.Inference.Engine;

/// <summary>The one thread that runs an engine's steps, asleep while there is nothing to do.</summary>
public sealed class EngineThread : IDisposable
{
    private readonly Func<bool> _step;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource _ended = new();
    private volatile bool _isStopping;
    private volatile bool _isAbandoned;

    /// <param name="name">Name of the thread.</param>
    /// <param name="step">One step; false when there was nothing to do. Must not throw.</param>
    public EngineThread(string name, Func<bool> step)
    {
        _step = step;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    public void Start() => _thread.Start();

    /// <summary>There may be something to do. From any thread.</summary>
    public void Wake() => _wake.Set();

    /// <summary>The step in progress may never end: disposal, also one that is under way, does not wait for it.</summary>
    public void Abandon()
    {
        _isAbandoned = true;
        _ended.TrySetResult();
    }

    /// <summary>Ends after the step in progress.</summary>
    public void Dispose()
    {
        if (_isStopping)
        {
            return;
        }

        _isStopping = true;
        _wake.Set();
        if (_thread.IsAlive)
        {
            _ended.Task.Wait();
        }

        // An abandoned thread may still come back, and then looks at it.
        if (!_isAbandoned)
        {
            _wake.Dispose();
        }
    }

    private void Run()
    {
        while (!_isStopping)
        {
            // Reset comes before the step looks at its inbox: what arrives later sets the event again.
            _wake.Reset();
            if (!_step() && !_isStopping)
            {
                _wake.Wait();
            }
        }

        _ended.TrySetResult();
    }
}
