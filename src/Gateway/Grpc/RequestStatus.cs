using Grpc.Core;
using KvCluster.Gateway.Admission;

namespace KvCluster.Gateway.Grpc;

/// <summary>Request errors as gRPC statuses.</summary>
internal static class RequestStatus
{
    public static RpcException ToRpcException(this RequestFailedException exception, int retryAfterSeconds)
    {
        RequestError error = exception.Error;
        StatusCode code = error.Kind switch
        {
            RequestErrorKind.InvalidArgument or RequestErrorKind.ContextTooLong => StatusCode.InvalidArgument,
            RequestErrorKind.ModelNotFound => StatusCode.NotFound,
            RequestErrorKind.Overloaded => StatusCode.ResourceExhausted,
            RequestErrorKind.Unavailable => StatusCode.Unavailable,
            _ => StatusCode.Internal,
        };
        var trailers = new Metadata();
        if (code is StatusCode.ResourceExhausted or StatusCode.Unavailable)
        {
            trailers.Add("retry-after", retryAfterSeconds.ToString());
        }

        return new RpcException(new Status(code, error.Text), trailers);
    }
}
