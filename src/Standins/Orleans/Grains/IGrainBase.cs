using Orleans.Runtime;

namespace Orleans;

/// <summary>What the runtime asks of a grain class. <see cref="Grain"/> implements it; a plain class may instead.</summary>
public interface IGrainBase
{
    /// <summary>The activation this instance belongs to.</summary>
    public IGrainContext GrainContext { get; }

    /// <summary>Runs before the first call. When it throws, the waiting calls fail and the activation is dropped.</summary>
    public Task OnActivateAsync(CancellationToken token) => Task.CompletedTask;

    /// <summary>Runs after the last call. What it throws is logged, not propagated.</summary>
    public Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token) => Task.CompletedTask;
}
