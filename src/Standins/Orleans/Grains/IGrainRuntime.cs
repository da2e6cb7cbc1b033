namespace Orleans.Runtime;

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
