namespace Orleans.Configuration;

/// <summary>How calls of a silo travel.</summary>
public class SiloMessagingOptions : MessagingOptions
{
    /// <summary>How often a call is handed on from one ended activation to the next, default 2.</summary>
    public int MaxForwardCount { get; set; } = 2;
}
