using Orleans.Runtime;

namespace Orleans;

/// <summary>Names the grain type of a class; the default is the class name in lower case without a trailing "grain".</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class GrainTypeAttribute : Attribute
{
    private readonly GrainType _grainType;

    public GrainTypeAttribute(string grainType) => _grainType = GrainType.Create(grainType);

    public GrainType GetGrainType(IServiceProvider services, Type type) => _grainType;
}
