using Orleans.Runtime;

namespace Orleans.Activations;

/// <summary>Tells services of an activation's scope whose they are.</summary>
internal sealed class ActivationSlot
{
    public Activation? Activation { get; set; }

    public IGrainContext Context => Activation ?? throw new InvalidOperationException(
        "IGrainContext belongs to an activation. Inject it into grain classes and what they use, not into singletons.");
}
