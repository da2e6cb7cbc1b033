using System.Net.Sockets;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>The status that an error of the transport amounts to.</summary>
internal static class TransportErrors
{
    public static Status StatusOf(Exception error)
    {
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case RpcException refused:
                    return refused.Status;
                case HttpProtocolException reset:
                    return new Status(CodeOfReset(reset.ErrorCode), $"The HTTP/2 stream ended with an error. {Describe(error)}", error);
                case SocketException:
                    return new Status(StatusCode.Unavailable, $"The connection failed. {Describe(error)}", error);
            }
        }

        return error switch
        {
            OperationCanceledException => new Status(StatusCode.Cancelled, "The call was cancelled.", error),
            HttpRequestException or IOException => new Status(StatusCode.Unavailable, $"The connection failed. {Describe(error)}", error),
            _ => new Status(StatusCode.Internal, $"The call failed. {Describe(error)}", error),
        };
    }

    /// <summary>RST_STREAM and GOAWAY codes of RFC 9113 section 7, mapped as the gRPC protocol says.</summary>
    private static StatusCode CodeOfReset(long errorCode) => errorCode switch
    {
        0x7 => StatusCode.Unavailable,
        0x8 => StatusCode.Cancelled,
        0xb => StatusCode.ResourceExhausted,
        0xc => StatusCode.PermissionDenied,
        _ => StatusCode.Internal,
    };

    private static string Describe(Exception error)
    {
        var parts = new List<string>();
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            parts.Add($"{cause.GetType().Name}: {cause.Message}");
        }

        return string.Join(" ", parts);
    }
}
