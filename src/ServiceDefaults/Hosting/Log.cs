using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Hosting;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Work was still running after the drain timeout of {Timeout}; it is cut off")]
    public static partial void DrainTimedOut(ILogger logger, TimeSpan timeout);
}
