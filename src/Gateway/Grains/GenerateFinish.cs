namespace KvCluster.Gateway.Grains;

/// <summary>How a request ended.</summary>
[GenerateSerializer]
public enum GenerateFinish
{
    /// <summary>More updates come.</summary>
    None = 0,

    /// <summary>An end or stop token.</summary>
    Stop = 1,

    /// <summary>max_tokens or the context.</summary>
    Length = 2,

    /// <summary>See the update's error.</summary>
    Failed = 3,
}
