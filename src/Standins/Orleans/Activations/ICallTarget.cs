using Orleans.Calls;

namespace Orleans.Activations;

/// <summary>Takes the calls of a grain.</summary>
internal interface ICallTarget
{
    /// <summary>False when this target has ended: the call then needs a fresh one.</summary>
    public bool TryReceive(GrainCall call);
}
