using System.Net;
using System.Text.Json.Nodes;
using KvCluster.Gateway.Tests.Workers;

namespace KvCluster.Gateway.Tests.OpenAi;

public sealed class ErrorTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Text = "/v1/completions";
    private const string Hi = """ "messages":[{"role":"user","content":"hi"}] """;

    [Fact]
    public async Task Post_BadBodies_400WithParam()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        (string Route, string Body, string? Param)[] cases =
        [
            (Chat, "{ not json", null),
            (Chat, "", null),
            (Chat, "[1]", null),
            (Chat, "null", null),
            (Chat, """{"model":"demo"} {}""", null),
            (Chat, $$"""{ {{Hi}} }""", "model"),
            (Chat, """{"model":"demo"}""", "messages"),
            (Chat, """{"model":"demo","messages":[]}""", "messages"),
            (Chat, """{"model":"demo","messages":"hi"}""", "messages"),
            (Chat, """{"model":"demo","messages":[{"role":"user"}]}""", "messages[0].content"),
            (Chat, """{"model":"demo","messages":[{"content":"x"}]}""", "messages[0].role"),
            (Chat, """{"model":"demo","messages":[{"role":"king","content":"x"}]}""", "messages"),
            (Chat, """{"model":"demo","messages":[{"role":"user","content":7}]}""", "messages[0].content"),
            (Chat, """{"model":"demo","messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "messages[0].content"),
            (Chat, $$"""{"model":"demo","max_tokens":"many", {{Hi}} }""", "max_tokens"),
            (Chat, $$"""{"model":"demo","max_tokens":-1, {{Hi}} }""", "max_tokens"),
            (Chat, $$"""{"model":"demo","max_tokens":0, {{Hi}} }""", "max_tokens"),
            (Chat, $$"""{"model":"demo","max_tokens":99999999999, {{Hi}} }""", "max_tokens"),
            (Chat, $$"""{"model":"demo","max_completion_tokens":-1, {{Hi}} }""", "max_completion_tokens"),
            (Chat, $$"""{"model":"demo","max_tokens":9000, {{Hi}} }""", "max_tokens"),
            (Chat, $$"""{"model":"demo","temperature":-1, {{Hi}} }""", "temperature"),
            (Chat, $$"""{"model":"demo","top_p":2, {{Hi}} }""", "top_p"),
            (Chat, $$"""{"model":"demo","stop":7, {{Hi}} }""", "stop"),
            (Chat, $$"""{"model":"demo","stop":[""], {{Hi}} }""", "stop"),
            (Chat, $$"""{"model":"demo","n":0, {{Hi}} }""", "n"),
            (Chat, $$"""{"model":"demo","n":1000, {{Hi}} }""", "n"),
            (Chat, $$"""{"model":"demo","top_logprobs":2, {{Hi}} }""", "top_logprobs"),
            (Chat, $$"""{"model":"demo","logprobs":true,"top_logprobs":21, {{Hi}} }""", "top_logprobs"),
            (Chat, $$"""{"model":"demo","tools":[{"type":"function"}], {{Hi}} }""", "tools"),
            (Chat, $$"""{"model":"demo","response_format":{"type":"json_object"}, {{Hi}} }""", "response_format"),
            (Chat, $$"""{"model":"demo","logit_bias":{"5":1}, {{Hi}} }""", "logit_bias"),
            (Text, """{"model":"demo"}""", "prompt"),
            (Text, """{"model":"demo","prompt":[]}""", "prompt"),
            (Text, """{"model":"demo","prompt":{}}""", "prompt"),
            (Text, """{"model":"demo","prompt":["a",1]}""", "prompt"),
            (Text, """{"model":"demo","prompt":[1.5]}""", "prompt"),
            (Text, """{"model":"demo","prompt":[-5]}""", "prompt"),
            (Text, """{"model":"demo","prompt":"a","suffix":"b"}""", "suffix"),
            (Text, """{"model":"demo","prompt":"a","best_of":3}""", "best_of"),
            (Text, """{"model":"demo","prompt":"a","echo":true,"logprobs":1}""", "echo"),
            (Text, """{"model":"demo","prompt":"a","logprobs":-1}""", "logprobs"),
        ];
        foreach ((string route, string body, string? param) in cases)
        {
            using HttpResponseMessage response = await cluster.PostAsync(route, body);
            JsonNode error = await ErrorAsync(response, HttpStatusCode.BadRequest, body);
            Assert.True(param == (string?)error["param"], $"{body}: {error.ToJsonString()}");
            Assert.Equal("invalid_request_error", (string?)error["type"]);
        }
    }

    [Fact]
    public async Task Post_PromptOverContext_400ContextLengthExceeded()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Text(new JsonArray([.. cluster.Prompt(length: 9000).Select(id => (JsonNode)id)]));
        using HttpResponseMessage response = await cluster.PostAsync(Text, body.ToJsonString());
        JsonNode error = await ErrorAsync(response, HttpStatusCode.BadRequest, "9000 tokens");
        Assert.Equal(("prompt", "context_length_exceeded"), ((string?)error["param"], (string?)error["code"]));
    }

    [Fact]
    public async Task Post_UnknownModel_404ModelNotFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        JsonObject body = Json.Chat();
        body["model"] = "gpt-9";
        using HttpResponseMessage response = await cluster.PostAsync(Chat, body.ToJsonString());
        JsonNode error = await ErrorAsync(response, HttpStatusCode.NotFound, "gpt-9");
        Assert.Equal(("model", "model_not_found"), ((string?)error["param"], (string?)error["code"]));
        using HttpResponseMessage get = await cluster.Http.GetAsync("/v1/models/gpt-9", Timeouts.Token());
        Assert.Equal("model_not_found", (string?)(await ErrorAsync(get, HttpStatusCode.NotFound, "get"))["code"]);
    }

    [Fact]
    public async Task Post_BodyOf100MB_413()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        using var content = new ByteArrayContent(new byte[100 << 20]);
        using HttpResponseMessage response = await cluster.Http.PostAsync(Chat, content, Timeouts.Token());
        await ErrorAsync(response, HttpStatusCode.RequestEntityTooLarge, "100 MB");
        await cluster.AnswerAsync(Chat, Json.Chat());
    }

    [Fact]
    public async Task Post_ChunkedBodyOverLimit_413()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = new ByteArrayContent(new byte[9 << 20]) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await cluster.Http.SendAsync(request, Timeouts.Token());
        await ErrorAsync(response, HttpStatusCode.RequestEntityTooLarge, "chunked");
    }

    [Fact]
    public async Task Any_UnknownRouteOrMethod_404And405()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0, store: false);
        using HttpResponseMessage unknown = await cluster.Http.GetAsync("/v1/nothing", Timeouts.Token());
        await ErrorAsync(unknown, HttpStatusCode.NotFound, "route");
        foreach ((HttpMethod method, string route, string allowed) in new[]
        {
            (HttpMethod.Get, Chat, "POST"), (HttpMethod.Get, Text, "POST"), (HttpMethod.Delete, "/v1/models", "GET"), (HttpMethod.Put, "/v1/models/demo", "GET"),
        })
        {
            using var request = new HttpRequestMessage(method, route);
            using HttpResponseMessage response = await cluster.Http.SendAsync(request, Timeouts.Token());
            await ErrorAsync(response, HttpStatusCode.MethodNotAllowed, $"{method} {route}");
            Assert.Equal([allowed], response.Content.Headers.Allow);
        }
    }

    [Fact]
    public async Task Post_NoDecodeWorker_503WithRetryAfter()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 0);
        using HttpResponseMessage response = await cluster.PostAsync(Chat, Json.Chat().ToJsonString());
        await ErrorAsync(response, HttpStatusCode.ServiceUnavailable, "no worker");
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task Post_QueueFull_429AlsoWhenStreaming()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.MaxQueuedRequests = 1);
        cluster.Decode[0].Behavior.ReadyGate = new TaskCompletionSource();
        JsonObject body = Json.Chat();
        body["stream"] = true;
        Task<HttpResponseMessage> first = cluster.PostAsync(Chat, body.ToJsonString());
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode[0].Behavior.ActiveCallCount == 1), "the first request decodes");
        using HttpResponseMessage second = await cluster.PostAsync(Chat, body.ToJsonString());
        JsonNode error = await ErrorAsync(second, HttpStatusCode.TooManyRequests, "queue");
        Assert.Equal("rate_limit_error", (string?)error["type"]);
        Assert.NotNull(second.Headers.RetryAfter);
        cluster.Decode[0].Behavior.ReadyGate!.SetResult();
        using HttpResponseMessage answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Stream_WorkersLostMidway_ErrorEventThenDone()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.TakeOverWaitMs = 200);
        cluster.Decode[0].Behavior.Fault = WorkerFault.Break;
        cluster.Decode[0].Behavior.FaultAfterTokens = 3;
        await cluster.Decode[0].FallSilentAsync();
        List<JsonNode> events = await cluster.EventsAsync(Chat, Json.Chat());
        Assert.Equal("service_unavailable_error", (string?)events[^1]["error"]!["type"]);
        Assert.Equal("assistant", (string?)events[0]["choices"]![0]!["delta"]!["role"]);
    }

    private static async Task<JsonNode> ErrorAsync(HttpResponseMessage response, HttpStatusCode expected, string what)
    {
        string text = await response.Content.ReadAsStringAsync(Timeouts.Token());
        Assert.True(response.StatusCode == expected, $"{what}: {response.StatusCode} {text}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        JsonObject error = JsonNode.Parse(text)!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(field => field.Key));
        Assert.NotEmpty((string)error["message"]!);
        Assert.DoesNotContain("   at ", text);
        return error;
    }
}
