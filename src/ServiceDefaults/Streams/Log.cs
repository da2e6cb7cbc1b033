using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Streams;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A connection for slab streams was closed: {Reason}")]
    public static partial void ConnectionClosed(ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Error, "A call over a slab stream failed")]
    public static partial void CallFailed(ILogger logger, Exception error);

    [LoggerMessage(3, LogLevel.Warning, "No Unix socket for slab streams in {Folder}, so clients on this machine use TCP: {Reason}. Choose another folder with SlabSocketFolder, or none")]
    public static partial void NoSocket(ILogger logger, string folder, string reason);
}
