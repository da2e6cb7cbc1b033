using System.ClientModel;
using KvCluster.Cluster.Tests.EndToEnd;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace KvCluster.Cluster.Tests.RealClients;

/// <summary>The <c>OpenAI</c> package from NuGet against the Gateway's HTTP API.</summary>
public sealed class OpenAiClientTests
{
    private static readonly ChatMessage[] Question = [ChatMessage.CreateUserMessage("Tell me a short story about a fox named Ada.")];
    private static readonly ChatCompletionOptions Greedy = new() { Temperature = 0, MaxOutputTokenCount = 32 };

    [Fact]
    public async Task CompleteChat_WholeAndStreamed_GiveTheSameTextAndUsage()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        ChatClient chat = Client(cluster).GetChatClient("demo");

        ChatCompletion whole = await chat.CompleteChatAsync(Question, Greedy, TestContext.Current.CancellationToken);
        string streamed = "";
        ChatFinishReason? reason = null;
        await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync(Question, Greedy, TestContext.Current.CancellationToken))
        {
            streamed += string.Concat(update.ContentUpdate.Select(part => part.Text));
            reason = update.FinishReason ?? reason;
        }

        Assert.StartsWith("In a thin town lived a fox called Ada.", whole.Content[0].Text, StringComparison.Ordinal);
        Assert.Equal(whole.Content[0].Text, streamed);
        Assert.Equal(whole.FinishReason, reason);
        Assert.Equal(19, whole.Usage.InputTokenCount);
        Assert.InRange(whole.Usage.OutputTokenCount, 1, 32);
    }

    [Fact]
    public async Task GetModels_ListsTheServedModel()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");

        ClientResult<OpenAIModelCollection> models = await Client(cluster).GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["demo"], models.Value.Select(model => model.Id));
    }

    [Fact]
    public async Task CompleteChat_UnknownModel_IsNotFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");

        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(async () =>
            await Client(cluster).GetChatClient("gpt-17").CompleteChatAsync(Question, Greedy, TestContext.Current.CancellationToken));

        Assert.Equal(404, error.Status);
        Assert.Contains("gpt-17", error.Message, StringComparison.Ordinal);
    }

    private static OpenAIClient Client(TestCluster cluster) =>
        new(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(cluster.HttpAddress + "/v1") });
}
