using Orleans.Runtime;

namespace Orleans;

/// <summary>Makes references to grains. A reference is cheap; nothing is activated before the first call.</summary>
public interface IGrainFactory
{
    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey;

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey;

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey;

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey;

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable;

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey);

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey);

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey);
}

/// <summary>The cluster as seen from code that is not a grain.</summary>
public interface IClusterClient : IGrainFactory
{
    public IServiceProvider ServiceProvider { get; }
}
