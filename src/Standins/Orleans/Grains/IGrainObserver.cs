using Orleans.Runtime;

namespace Orleans;

/// <summary>Marks observer interfaces. The stand-in has no observers; the type exists for constraints.</summary>
public interface IGrainObserver : IAddressable
{
}
