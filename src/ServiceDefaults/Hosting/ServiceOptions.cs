using KvCluster.ServiceDefaults.Options;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Settings that every host has; section <c>Service</c>.</summary>
public sealed class ServiceOptions : IValidatedOptions
{
    public const string Section = "Service";

    /// <summary>How long running work may go on after a stop was asked for. Default 30 s; 0 ends it at once.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the host still takes calls after it has said that it is not ready, so that callers notice. Default 0.
    /// </summary>
    public TimeSpan DrainDelay { get; set; }

    public IEnumerable<string> Validate()
    {
        if (DrainTimeout < TimeSpan.Zero || DrainTimeout > TimeSpan.FromHours(24))
        {
            yield return $"{nameof(DrainTimeout)} must be between 0 and 24 hours, not {DrainTimeout}";
        }

        if (DrainDelay < TimeSpan.Zero || DrainDelay > TimeSpan.FromMinutes(10))
        {
            yield return $"{nameof(DrainDelay)} must be between 0 and 10 minutes, not {DrainDelay}";
        }
    }
}
