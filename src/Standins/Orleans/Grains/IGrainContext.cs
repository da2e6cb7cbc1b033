namespace Orleans.Runtime;

/// <summary>An activation as the runtime sees it.</summary>
public interface IGrainContext : IEquatable<IGrainContext>
{
    public GrainReference GrainReference { get; }

    public GrainId GrainId { get; }

    /// <summary>The instance of the grain class; null until it is constructed.</summary>
    public object? GrainInstance { get; }

    public ActivationId ActivationId { get; }

    /// <summary>The activation's own service scope.</summary>
    public IServiceProvider ActivationServices { get; }

    /// <summary>Completes when the activation has ended. Awaiting it inside the same grain never ends.</summary>
    public Task Deactivated { get; }

    /// <summary>Starts to end the activation: no further request starts; it ends when the running ones are done.</summary>
    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);
}
