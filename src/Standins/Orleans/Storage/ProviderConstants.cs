namespace Orleans.Providers;

/// <summary>Well-known provider names.</summary>
public static class ProviderConstants
{
    public const string DEFAULT_STORAGE_PROVIDER_NAME = "Default";
    public const string DEFAULT_PUBSUB_PROVIDER_NAME = "PubSubStore";
    public const string DEFAULT_LOG_CONSISTENCY_PROVIDER_NAME = "Default";
}
