namespace Orleans.Runtime;

/// <summary>Anything calls can be addressed to.</summary>
public interface IAddressable
{
}

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

/// <summary>Finds the activation whose turn is running on this thread.</summary>
public interface IGrainContextAccessor
{
    public IGrainContext GrainContext { get; }
}

/// <summary>What grain classes reach of the runtime.</summary>
public interface IGrainRuntime
{
    public string SiloIdentity { get; }

    public IGrainFactory GrainFactory { get; }

    public IServiceProvider ServiceProvider { get; }

    public TimeProvider TimeProvider { get; }

    public void DeactivateOnIdle(IGrainContext grainContext);

    public void DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan);
}
