namespace KvCluster.Gateway.Grains;

/// <summary>One generation request, from routing to its last token. Key: the request id.</summary>
public interface IRequestGrain : IGrainWithStringKey
{
    /// <summary>
    /// Drives the request over the workers, whichever it takes. The last update has a finish; ending the enumeration early
    /// cancels the workers' calls and gives leases and reservations back.
    /// </summary>
    public IAsyncEnumerable<GenerateUpdate> Generate(GenerateCommand command, CancellationToken cancellationToken = default);
}
