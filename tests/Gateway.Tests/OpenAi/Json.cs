using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using KvCluster.Gateway.Tests.Workers;

namespace KvCluster.Gateway.Tests.OpenAi;

/// <summary>Requests and answers of the HTTP API as a client sees them.</summary>
internal static class Json
{
    public static async Task<HttpResponseMessage> PostAsync(this TestCluster cluster, string route, string body) =>
        await cluster.Http.PostAsync(route, new StringContent(body, Encoding.UTF8, "application/json"), Timeouts.Token());

    public static async Task<JsonNode> AnswerAsync(this TestCluster cluster, string route, JsonObject body)
    {
        using HttpResponseMessage response = await cluster.PostAsync(route, body.ToJsonString());
        string text = await response.Content.ReadAsStringAsync(Timeouts.Token());
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonNode.Parse(text)!;
    }

    /// <summary>The data of every event, [DONE] checked and left out.</summary>
    public static async Task<List<JsonNode>> EventsAsync(this TestCluster cluster, string route, JsonObject body)
    {
        body["stream"] = true;
        using HttpResponseMessage response = await cluster.PostAsync(route, body.ToJsonString());
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        string text = await response.Content.ReadAsStringAsync(Timeouts.Token());
        Assert.EndsWith("data: [DONE]\n\n", text);
        string[] events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, e => Assert.StartsWith("data: ", e));
        return [.. events[..^1].Select(e => JsonNode.Parse(e["data: ".Length..])!)];
    }

    public static JsonObject Chat(string content = "Hello there, how are you?") => new()
    {
        ["model"] = "demo",
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }),
        ["max_tokens"] = 8,
        ["temperature"] = 0,
    };

    public static JsonObject Text(JsonNode prompt) => new() { ["model"] = "demo", ["prompt"] = prompt, ["max_tokens"] = 8, ["temperature"] = 0 };
}
