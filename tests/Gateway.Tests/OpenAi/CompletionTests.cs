using System.Text.Json.Nodes;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.OpenAi;

public sealed class CompletionTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Text = "/v1/completions";

    [Fact]
    public async Task Chat_Whole_TextAndUsage()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonNode answer = await cluster.AnswerAsync(Chat, Json.Chat());
        DecodeStart decode = Assert.Single(cluster.Decode[0].Behavior.Decodes);
        string expected = cluster.Model.Tokenizer.Decode(cluster.Script.Continue([.. decode.TokenIds], 8), skipSpecialTokens: true);
        Assert.Equal(("chat.completion", "demo"), ((string?)answer["object"], (string?)answer["model"]));
        JsonNode choice = Assert.Single(answer["choices"]!.AsArray())!;
        Assert.Equal(("assistant", expected, "length"), (
            (string?)choice["message"]!["role"], (string?)choice["message"]!["content"], (string?)choice["finish_reason"]));
        JsonNode usage = answer["usage"]!;
        Assert.Equal((decode.TokenIds.Count, 8, decode.TokenIds.Count + 8), (
            (int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!));
        Assert.Equal(0, (int)usage["prompt_tokens_details"]!["cached_tokens"]!);
    }

    [Fact]
    public async Task Chat_Stream_SameTextRoleFirstUsageLast()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonNode whole = await cluster.AnswerAsync(Chat, Json.Chat());
        JsonObject body = Json.Chat();
        body["stream_options"] = new JsonObject { ["include_usage"] = true };
        List<JsonNode> events = await cluster.EventsAsync(Chat, body);
        Assert.Equal("assistant", (string?)events[0]["choices"]![0]!["delta"]!["role"]);
        Assert.Empty(events[^1]["choices"]!.AsArray());
        Assert.Equal(whole["usage"]!.ToJsonString(), events[^1]["usage"]!.ToJsonString());
        JsonNode[] choices = [.. events[..^1].Select(e => Assert.Single(e["choices"]!.AsArray())!)];
        Assert.Equal(
            (string?)whole["choices"]![0]!["message"]!["content"],
            string.Concat(choices.Select(choice => (string?)choice["delta"]!["content"])));
        Assert.Equal("length", (string?)choices[^1]["finish_reason"]);
        Assert.All(choices[..^1], choice => Assert.Null(choice["finish_reason"]));
        Assert.All(events, e => Assert.Equal("chat.completion.chunk", (string?)e["object"]));
        Assert.Single(events.Select(e => (string?)e["id"]).Distinct());
    }

    [Fact]
    public async Task Chat_ContentParts_SameAsString()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster.AnswerAsync(Chat, Json.Chat("ab"));
        JsonObject body = Json.Chat();
        body["messages"] = JsonNode.Parse(
            """[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]""");
        await cluster.AnswerAsync(Chat, body);
        DecodeStart[] seen = [.. cluster.Decode[0].Behavior.Decodes];
        Assert.Equal(seen[0].TokenIds, seen[1].TokenIds);
    }

    [Fact]
    public async Task Chat_StopOverTokens_CutInBothForms()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Script.Answer = [.. "hello world".SelectMany(c => cluster.Model.Tokenizer.Encode(c.ToString()))];
        JsonObject body = Json.Chat();
        body["max_tokens"] = 2000;
        body["stop"] = "o wo";
        JsonNode choice = (await cluster.AnswerAsync(Chat, body))["choices"]![0]!;
        Assert.Equal(("hell", "stop"), ((string?)choice["message"]!["content"], (string?)choice["finish_reason"]));
        body["stop"] = new JsonArray("nothing", "lo w");
        List<JsonNode> events = await cluster.EventsAsync(Chat, body);
        Assert.Equal("hel", string.Concat(events.Select(e => (string?)e["choices"]![0]!["delta"]!["content"])));
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Chat_Logprobs_ContentWithBytesAndTop()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Chat();
        body["logprobs"] = true;
        body["top_logprobs"] = 2;
        JsonNode choice = (await cluster.AnswerAsync(Chat, body))["choices"]![0]!;
        JsonArray content = choice["logprobs"]!["content"]!.AsArray();
        Assert.Equal(8, content.Count);
        Assert.Equal((string?)choice["message"]!["content"], string.Concat(content.Select(entry => (string?)entry!["token"])));
        Assert.Equal(2, content[0]!["top_logprobs"]!.AsArray().Count);
        Assert.Equal((int)((string)content[0]!["token"]!)[0], (int)content[0]!["bytes"]![0]!);
        Assert.Equal(-0.5f, (float)content[0]!["logprob"]!);
    }

    [Fact]
    public async Task Chat_NChoices_SeedsRiseAndPromptCountsOnce()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Chat();
        body["n"] = 3;
        body["seed"] = 40;
        JsonNode answer = await cluster.AnswerAsync(Chat, body);
        Assert.Equal([0, 1, 2], answer["choices"]!.AsArray().Select(choice => (int)choice!["index"]!));
        Assert.Equal([40UL, 41UL, 42UL], cluster.Decode[0].Behavior.Decodes.Select(decode => decode.Seed).Order());
        int promptTokens = cluster.Decode[0].Behavior.Decodes.First().PromptTokenCount;
        Assert.Equal((promptTokens, 24), ((int)answer["usage"]!["prompt_tokens"]!, (int)answer["usage"]!["completion_tokens"]!));
        List<JsonNode> events = await cluster.EventsAsync(Chat, body);
        Assert.Equal([0, 1, 2], events.Select(e => (int)e["choices"]![0]!["index"]!).Distinct().Order());
        Assert.Equal(3, events.Count(e => (string?)e["choices"]![0]!["finish_reason"] == "length"));
    }

    [Fact]
    public async Task Chat_AllSamplingFields_ReachTheWorker()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Chat();
        body.Remove("max_tokens");
        foreach ((string name, JsonNode value) in new (string, JsonNode)[]
        {
            ("max_completion_tokens", 3), ("temperature", 0.5), ("top_p", 0.9), ("top_k", 7), ("min_p", 0.1), ("repetition_penalty", 1.5),
            ("frequency_penalty", 0.25), ("presence_penalty", -0.25), ("seed", -1), ("ignore_eos", true), ("user", "someone"),
        })
        {
            body[name] = value;
        }

        await cluster.AnswerAsync(Chat, body);
        DecodeStart decode = Assert.Single(cluster.Decode[0].Behavior.Decodes);
        Sampling sampling = decode.Sampling;
        Assert.Equal((3, 0.5f, 0.9f, 7), (sampling.MaxTokens, sampling.Temperature, sampling.TopP, sampling.TopK));
        Assert.Equal((0.1f, 1.5f, 0.25f, -0.25f), (
            sampling.MinP, sampling.RepetitionPenalty, sampling.FrequencyPenalty, sampling.PresencePenalty));
        Assert.Equal((ulong.MaxValue, true, "someone"), (decode.Seed, sampling.IgnoreEos, decode.Tenant));
    }

    [Fact]
    public async Task Text_ManyPrompts_OneChoiceEach()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonNode texts = await cluster.AnswerAsync(Text, Json.Text(new JsonArray("abc", "def")));
        JsonNode ids = await cluster.AnswerAsync(Text, Json.Text(new JsonArray(
            [.. new[] { "abc", "def" }.Select(text => new JsonArray([.. cluster.Model.Tokenizer.Encode(text).Select(id => (JsonNode)id)]))])));
        Assert.Equal(2, texts["choices"]!.AsArray().Count);
        Assert.Equal(texts["choices"]!.ToJsonString(), ids["choices"]!.ToJsonString());
        Assert.Equal(texts["usage"]!.ToJsonString(), ids["usage"]!.ToJsonString());
        Assert.Equal("text_completion", (string?)texts["object"]);
    }

    [Fact]
    public async Task Text_Echo_BeginsWithPrompt()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonNode plain = await cluster.AnswerAsync(Text, Json.Text("abc "));
        JsonObject body = Json.Text("abc ");
        body["echo"] = true;
        string expected = "abc " + (string?)plain["choices"]![0]!["text"];
        Assert.Equal(expected, (string?)(await cluster.AnswerAsync(Text, body))["choices"]![0]!["text"]);
        List<JsonNode> events = await cluster.EventsAsync(Text, body);
        Assert.Equal(expected, string.Concat(events.Select(e => (string?)e["choices"]![0]!["text"])));
    }

    [Fact]
    public async Task Text_Logprobs_ParallelArrays()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Text("abc");
        body["logprobs"] = 2;
        JsonNode choice = (await cluster.AnswerAsync(Text, body))["choices"]![0]!;
        JsonNode logprobs = choice["logprobs"]!;
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], logprobs["text_offset"]!.AsArray().Select(offset => (int)offset!));
        Assert.Equal((string?)choice["text"], string.Concat(logprobs["tokens"]!.AsArray().Select(token => (string?)token)));
        Assert.Equal(8, logprobs["token_logprobs"]!.AsArray().Count);
        Assert.Equal(2, logprobs["top_logprobs"]![0]!.AsObject().Count);
        JsonNode?[] events = [.. (await cluster.EventsAsync(Text, body)).Select(e => e["choices"]![0]!["logprobs"])];
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], events.SelectMany(e => e?["text_offset"]!.AsArray() ?? []).Select(offset => (int)offset!));
    }

    [Fact]
    public async Task Stream_ClientGoes_EverythingIsGivenBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.TokenGate = new SemaphoreSlim(3);
        using var cancellation = new CancellationTokenSource();
        JsonObject body = Json.Chat(new string('x', 2000));
        body["stream"] = true;
        body["n"] = 2;
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = new StringContent(body.ToJsonString()) };
        using HttpResponseMessage response = await cluster.Http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, cancellation.Token);
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode[0].Behavior.ActiveCallCount == 2), "both choices are at their worker");
        response.Dispose();
        await cluster.UntilAllReleasedAsync();
    }

    [Fact]
    public async Task Whole_ClientGoes_EverythingIsGivenBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        cluster.Decode[0].Behavior.TokenGate = new SemaphoreSlim(0);
        using var cancellation = new CancellationTokenSource();
        Task<HttpResponseMessage> answer = cluster.Http.PostAsync(Chat, new StringContent(Json.Chat().ToJsonString()), cancellation.Token);
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode[0].Behavior.ActiveCallCount == 1), "the request decodes");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        await cluster.UntilAllReleasedAsync();
    }
}
