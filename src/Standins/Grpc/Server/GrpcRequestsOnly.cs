namespace Grpc.AspNetCore.Server;

/// <summary>Marks an endpoint that <see cref="GrpcRequestsPolicy"/> hides from requests of another content type.</summary>
internal sealed class GrpcRequestsOnly
{
    public static readonly GrpcRequestsOnly Instance = new();
}
