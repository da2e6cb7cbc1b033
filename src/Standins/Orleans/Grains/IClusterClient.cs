namespace Orleans;

/// <summary>The cluster as seen from code that is not a grain.</summary>
public interface IClusterClient : IGrainFactory
{
    public IServiceProvider ServiceProvider { get; }
}
