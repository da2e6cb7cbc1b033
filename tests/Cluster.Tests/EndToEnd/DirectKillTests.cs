using Grpc.Core;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>Workers are killed in the middle of direct hand-overs: no request fails, and every token is the same.</summary>
public sealed class DirectKillTests
{
    private const int PromptCount = 6;
    private const int MaxTokens = 24;

    [Fact]
    public async Task Generate_WorkersKilledInMidTransfer_AnswersAreTheSame()
    {
        string[] prompts = [.. Enumerable.Range(0, PromptCount).Select(i => Prompts.Of(i % 2 == 0 ? "line_retrieval_80" : "lookup_60", i))];
        await using FourProcesses processes = await FourProcesses.StartAsync("int4", "direct", prefillCount: 2, decodeCount: 2);
        var expected = new List<int[]>();
        foreach (string prompt in prompts)
        {
            expected.Add((await processes.Inference.AskAsync(prompt, MaxTokens)).TokenIds);
        }

        // Each tenant's prompts are new to the store.
        foreach ((string role, int index) in ((string, int)[])[("decode", 0), ("prefill", 0), ("decode", 1), ("prefill", 1)])
        {
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<int[]>[] answers = [.. prompts.Select(prompt => AskAsync(processes, prompt, tenant: $"{role}-{index}", begun))];
            await begun.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            await processes.KillAsync(role, index);

            Assert.Equal(expected, await Task.WhenAll(answers));
            processes.StartWorker(role, index);
            await processes.WaitForWorkersAsync();
        }

        Answer after = await processes.Inference.AskAsync(prompts[0], MaxTokens, tenant: "after");
        Assert.Equal(expected[0], after.TokenIds);
        Assert.Equal(after.Usage.KvBytesReceived, after.Usage.KvBytesDirect);
    }

    /// <param name="processes">The cluster.</param>
    /// <param name="prompt">Text.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="begun">Set at the first token: others of the batch are in prefill, or on their way, then.</param>
    private static async Task<int[]> AskAsync(FourProcesses processes, string prompt, string tenant, TaskCompletionSource begun)
    {
        var request = new V1.GenerateRequest { Text = prompt, Tenant = tenant, Sampling = new V1.Sampling { Temperature = 0, MaxTokens = MaxTokens } };
        using AsyncServerStreamingCall<V1.GenerateReply> call = processes.Inference.Generate(request, deadline: DateTime.UtcNow + TimeSpan.FromMinutes(3));
        List<int> tokenIds = [];
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            tokenIds.AddRange(reply.TokenIds);
            begun.TrySetResult();
        }

        return [.. tokenIds];
    }
}
