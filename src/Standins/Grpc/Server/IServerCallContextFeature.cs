using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>Feature of the HttpContext of a gRPC call.</summary>
public interface IServerCallContextFeature
{
    ServerCallContext ServerCallContext { get; }
}
