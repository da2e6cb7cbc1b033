using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Timers;

internal sealed class GrainTimer<TState>(
    Activation owner, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    : GrainTimer(owner, options)
{
    public override Task InvokeAsync(CancellationToken cancellationToken) => callback(state, cancellationToken);
}
