using Grpc.Core;

namespace KvCluster.Gateway.Tests.Workers;

internal static class Faults
{
    public static async Task StrikeAsync(WorkerFault fault, ServerCallContext context)
    {
        switch (fault)
        {
            case WorkerFault.Refuse:
                throw new RpcException(new Status(StatusCode.ResourceExhausted, "no room"));
            case WorkerFault.Die:
                context.GetHttpContext().Abort();
                throw new RpcException(new Status(StatusCode.Unavailable, "dead"));
            case WorkerFault.Break:
                throw new RpcException(new Status(StatusCode.Internal, "broken"));
            case WorkerFault.Hang:
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
                break;
        }
    }
}
