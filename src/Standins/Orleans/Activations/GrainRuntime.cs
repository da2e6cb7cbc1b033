using Orleans.Runtime;

namespace Orleans.Activations;

internal sealed class GrainRuntime(Silo silo, IGrainFactory grainFactory) : IGrainRuntime
{
    public string SiloIdentity => silo.Name;

    public IGrainFactory GrainFactory => grainFactory;

    public IServiceProvider ServiceProvider => silo.Services;

    public TimeProvider TimeProvider => silo.Clock;

    public void DeactivateOnIdle(IGrainContext grainContext) => grainContext.Deactivate(
        new DeactivationReason(DeactivationReasonCode.ApplicationRequested, "DeactivateOnIdle was called."));

    public void DelayDeactivation(IGrainContext grainContext, TimeSpan timeSpan) => ((Activation)grainContext).DelayDeactivation(timeSpan);
}
