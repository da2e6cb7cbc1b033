namespace Orleans.Activations;

/// <summary>A turn given as a delegate that handles its own errors.</summary>
internal sealed class AsyncTurn(Func<Task> run) : Turn
{
    public override void Run() => _ = run();
}
