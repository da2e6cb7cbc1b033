namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>A host can't start. The message is one line for the person who started it.</summary>
public sealed class HostStartException(string message, int exitCode = HostStartException.Failed, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>The exit code of a start that failed, e.g. because the port is in use.</summary>
    public const int Failed = 1;

    /// <summary>The exit code of bad settings or arguments.</summary>
    public const int BadSettings = 2;

    /// <summary>What the process ends with.</summary>
    public int ExitCode { get; } = exitCode;
}
