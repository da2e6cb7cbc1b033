using Orleans.Runtime;

namespace Orleans.Activations;

internal sealed class GrainContextAccessor : IGrainContextAccessor
{
    public IGrainContext GrainContext => Activation.Current!;
}
