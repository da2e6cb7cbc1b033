namespace KvCluster.Gateway.Admission;

/// <summary>Ends a request with an error for its client. Never crosses a grain call.</summary>
internal sealed class RequestFailedException(RequestError error) : Exception(error.Text)
{
    public RequestError Error { get; } = error;
}
