namespace Orleans.Activations;

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
