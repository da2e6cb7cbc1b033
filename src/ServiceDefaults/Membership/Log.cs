using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Membership;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Joined the cluster at {Gateway} as {WorkerId}, epoch {Epoch}, at {Address}")]
    public static partial void Joined(ILogger logger, string gateway, string workerId, ulong epoch, string address);

    [LoggerMessage(2, LogLevel.Warning, "Can't reach the Gateway at {Gateway}: {Reason}; trying again")]
    public static partial void GatewayLost(ILogger logger, string gateway, string reason);

    [LoggerMessage(3, LogLevel.Warning, "The Gateway does not know {WorkerId} any more; registering again")]
    public static partial void Forgotten(ILogger logger, string workerId);

    [LoggerMessage(4, LogLevel.Information, "Left the cluster: {WorkerId}")]
    public static partial void Left(ILogger logger, string workerId);
}
