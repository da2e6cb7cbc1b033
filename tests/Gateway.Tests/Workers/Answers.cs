using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

internal static class Answers
{
    public static async Task<List<GenerateReply>> AllAsync(this TestCluster cluster, GenerateRequest request)
    {
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(request, cancellationToken: Timeouts.Token());
        var replies = new List<GenerateReply>();
        await foreach (GenerateReply reply in call.ResponseStream.ReadAllAsync(Timeouts.Token()))
        {
            replies.Add(reply);
        }

        return replies;
    }

    public static int[] TokenIds(this IEnumerable<GenerateReply> replies) => [.. replies.SelectMany(reply => reply.TokenIds)];

    public static string Text(this IEnumerable<GenerateReply> replies) => string.Concat(replies.Select(reply => reply.Text));

    public static async Task<Status> FailureAsync(this TestCluster cluster, GenerateRequest request) =>
        (await Assert.ThrowsAsync<RpcException>(() => cluster.AllAsync(request))).Status;
}
