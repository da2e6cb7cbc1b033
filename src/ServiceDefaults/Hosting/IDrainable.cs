namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Work that a stopping host should let end first.</summary>
public interface IDrainable
{
    /// <summary>Refuses new work and ends when the running work has; the token says that time is up.</summary>
    public Task DrainAsync(CancellationToken cancellationToken);
}
