using System.Diagnostics.CodeAnalysis;

namespace Orleans.Activations;

/// <summary>
/// Runs the turns of one activation one at a time, in order, on the thread pool. Grain code runs in tasks of this scheduler, so
/// whatever it awaits comes back here. As in the published runtime, no execution context flows from the caller.
/// </summary>
internal sealed class TurnScheduler(Activation activation) : TaskScheduler, IThreadPoolWorkItem
{
    /// <summary>After this long the thread goes back to the pool, so that a busy activation starves no other.</summary>
    private const int QuantumMs = 100;

    private static readonly Action<object?> RunTurn = static turn => ((Turn)turn!).Run();

    [ThreadStatic]
    private static TurnScheduler? _current;

    private readonly Lock _gate = new();
    private readonly Queue<object> _turns = new();
    private bool _isScheduled;

    /// <summary>The scheduler whose turn is running on this thread.</summary>
    public static TurnScheduler? Running => _current;

    public Activation Activation { get; } = activation;

    public override int MaximumConcurrencyLevel => 1;

    public void Enqueue(Turn turn) => Add(turn);

    void IThreadPoolWorkItem.Execute()
    {
        _current = this;
        var end = Environment.TickCount64 + QuantumMs;
        try
        {
            while (TryTake(out var turn))
            {
                if (turn is Task task)
                {
                    TryExecuteTask(task);
                }
                else
                {
                    // A task, so that TaskScheduler.Current is this scheduler inside.
                    new Task(RunTurn, turn).RunSynchronously(this);
                }

                if (Environment.TickCount64 > end)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    return;
                }
            }
        }
        finally
        {
            _current = null;
        }
    }

    protected override void QueueTask(Task task) => Add(task);

    /// <summary>As in the published runtime: what becomes ready inside a turn may run on within it.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && _current == this && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_gate)
        {
            return [.. _turns.OfType<Task>()];
        }
    }

    private void Add(object turn)
    {
        lock (_gate)
        {
            _turns.Enqueue(turn);
            if (_isScheduled)
            {
                return;
            }

            _isScheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    private bool TryTake([MaybeNullWhen(false)] out object turn)
    {
        lock (_gate)
        {
            return _isScheduled = _turns.TryDequeue(out turn);
        }
    }
}
