using Grpc.Core;

namespace KvCluster.Standins.Grpc.Tests.Serving;

/// <summary>Expectations about failing calls.</summary>
internal static class Expect
{
    public static async Task<RpcException> StatusAsync(StatusCode code, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, error.StatusCode);
        return error;
    }
}
