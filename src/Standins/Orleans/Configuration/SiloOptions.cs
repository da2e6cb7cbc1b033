namespace Orleans.Configuration;

/// <summary>The name of this silo.</summary>
public class SiloOptions
{
    public string SiloName { get; set; } = "Silo";
}

/// <summary>The names of the cluster.</summary>
public class ClusterOptions
{
    public const string DefaultClusterId = "default";
    public const string DefaultServiceId = "default";

    public string ClusterId { get; set; } = DefaultClusterId;

    public string ServiceId { get; set; } = DefaultServiceId;
}

/// <summary>How calls travel.</summary>
public abstract class MessagingOptions
{
    /// <summary>After this long a call fails with <see cref="TimeoutException"/> while the grain goes on; default 30 seconds.</summary>
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>How calls of a silo travel.</summary>
public class SiloMessagingOptions : MessagingOptions
{
    /// <summary>How often a call is handed on from one ended activation to the next, default 2.</summary>
    public int MaxForwardCount { get; set; } = 2;
}

/// <summary>Grain state in memory. The stand-in keeps one dictionary, whatever these say.</summary>
public class MemoryGrainStorageOptions
{
    public const int NumStorageGrainsDefaultValue = 10;
    public const int DEFAULT_INIT_STAGE = 10000;

    public int NumStorageGrains { get; set; } = NumStorageGrainsDefaultValue;

    public int InitStage { get; set; } = DEFAULT_INIT_STAGE;
}
