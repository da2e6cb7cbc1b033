namespace Orleans.Activations;

/// <summary>Work of an activation that the runtime itself starts. Must not throw.</summary>
internal abstract class Turn
{
    public abstract void Run();
}

/// <summary>A turn given as a delegate that handles its own errors.</summary>
internal sealed class AsyncTurn(Func<Task> run) : Turn
{
    public override void Run() => _ = run();
}

/// <summary>Cancels the token of a running call.</summary>
internal sealed class CancelTurn(Activation activation, CancellationTokenSource cancellation) : Turn
{
    public override void Run()
    {
        try
        {
            cancellation.Cancel();
        }
        catch (AggregateException exception)
        {
            Log.CancellationFailed(activation.Silo.Logger, activation.GrainId, exception);
        }
    }
}
