using Microsoft.Extensions.Logging;

namespace Grpc.Net.Client;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "{Method} ended with {Code}: {Detail}")]
    public static partial void CallFailed(this ILogger logger, string method, Core.StatusCode code, string detail, Exception? error);

    [LoggerMessage(2, LogLevel.Warning, "{Method} goes over cleartext: its call credentials are not sent.")]
    public static partial void CredentialsNotSent(this ILogger logger, string method);
}
