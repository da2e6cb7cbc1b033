using System.Reflection;
using Orleans.Runtime;

namespace Orleans;

/// <summary>A call at the grain's side.</summary>
public interface IIncomingGrainCallContext : IGrainCallContext
{
    public IGrainContext TargetContext { get; }

    public MethodInfo ImplementationMethod { get; }
}
