namespace KvCluster.Gateway.OpenAi;

internal sealed class StreamOptions
{
    public bool? IncludeUsage { get; set; }
}
