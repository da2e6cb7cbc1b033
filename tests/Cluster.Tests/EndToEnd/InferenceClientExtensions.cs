using Grpc.Core;

namespace KvCluster.Cluster.Tests.EndToEnd;

internal static class InferenceClientExtensions
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>Asks greedily and collects the answer.</summary>
    public static Task<Answer> AskAsync(this V1.Inference.InferenceClient client, string prompt, int maxTokens = 48, string tenant = "") =>
        client.AskAsync(new V1.GenerateRequest
        {
            Text = prompt,
            Tenant = tenant,
            Sampling = new V1.Sampling { Temperature = 0, MaxTokens = maxTokens },
        });

    public static async Task<Answer> AskAsync(this V1.Inference.InferenceClient client, V1.GenerateRequest request, Metadata? headers = null)
    {
        using AsyncServerStreamingCall<V1.GenerateReply> call = client.Generate(request, headers, deadline: DateTime.UtcNow + Deadline);
        List<V1.GenerateReply> replies = [];
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            replies.Add(reply);
        }

        V1.GenerateReply last = replies[^1];
        return new Answer([.. replies.SelectMany(reply => reply.TokenIds)], string.Concat(replies.Select(reply => reply.Text)), last.FinishReason, last.Usage);
    }
}
