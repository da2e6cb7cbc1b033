using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Grpc.Core;
using KvCluster.Gateway.Authentication;
using KvCluster.Gateway.Tests.OpenAi;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class ApiKeyTests
{
    private const string Chat = "/v1/chat/completions";
    private const string AcmeKey = "acme-key-0123456789";
    private const string OtherAcmeKey = "acme-second-0123456789";
    private const string BetaKey = "beta-key-0123456789";

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer acme-key-012345678")]
    [InlineData("Bearer acme-key-0123456789x")]
    [InlineData("Basic acme-key-0123456789")]
    [InlineData("acme-key-0123456789")]
    public async Task Call_NoRightKey_IsRefusedOverHttpAndGrpc(string? authorization)
    {
        await using TestCluster cluster = await StartAsync();
        foreach ((HttpMethod method, string route) in new[] { (HttpMethod.Post, Chat), (HttpMethod.Post, "/v1/completions"), (HttpMethod.Get, "/v1/models"), (HttpMethod.Get, "/v1/models/demo") })
        {
            using var request = new HttpRequestMessage(method, route);
            if (authorization is not null)
            {
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
            }

            using HttpResponseMessage response = await cluster.Http.SendAsync(request, Timeouts.Token());
            JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync(Timeouts.Token()))!["error"]!;
            Assert.Equal((HttpStatusCode.Unauthorized, "invalid_api_key", "invalid_request_error"), (response.StatusCode, (string?)error["code"], (string?)error["type"]));
            Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
        }

        var headers = new Metadata();
        if (authorization is not null)
        {
            headers.Add("authorization", authorization);
        }

        await RefusesAsync(async () => await cluster.Client.ListModelsAsync(new ListModelsRequest(), headers, cancellationToken: Timeouts.Token()));
        await RefusesAsync(async () => await cluster.Client.TokenizeAsync(new TokenizeRequest { Text = "a" }, headers, cancellationToken: Timeouts.Token()));
        await RefusesAsync(() => GenerateAsync(cluster, headers, ""));
        Assert.Empty(cluster.Decode[0].Behavior.Decodes);
        Assert.Empty(cluster.Store.Store.Lookups);
    }

    [Fact]
    public async Task Generate_TwoTenants_ShareNoBlockWhateverTheyName()
    {
        await using TestCluster cluster = await StartAsync();
        string[] asked =
        [
            await IdsAskedAsync(cluster, AcmeKey, ""),
            await IdsAskedAsync(cluster, BetaKey, ""),
            await IdsAskedAsync(cluster, BetaKey, "acme"),
            await IdsAskedAsync(cluster, BetaKey, "../acme"),
            await IdsAskedAsync(cluster, AcmeKey, "acme"),
        ];
        Assert.Equal(asked.Length, asked.Distinct().Count());
        Assert.Equal(asked[0], await IdsAskedAsync(cluster, AcmeKey, ""));
        Assert.Equal(asked[0], await IdsAskedAsync(cluster, OtherAcmeKey, ""));
        Assert.Equal(["acme", "beta", "beta/acme", "beta/../acme", "acme/acme", "acme", "acme"], cluster.Decode[0].Behavior.Decodes.Select(decode => decode.Tenant));
    }

    [Fact]
    public async Task Chat_RightKey_AnswersAndTheTenantIsTheKeys()
    {
        await using TestCluster cluster = await StartAsync();
        cluster.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", BetaKey);
        JsonObject body = Json.Chat();
        await cluster.AnswerAsync(Chat, body);
        body["user"] = "alice";
        await cluster.AnswerAsync(Chat, body);
        cluster.Http.DefaultRequestHeaders.Add("X-Tenant", "acme");
        await cluster.AnswerAsync(Chat, body);
        Assert.Equal(["beta", "beta/alice", "beta/acme"], cluster.Decode[0].Behavior.Decodes.Select(decode => decode.Tenant));
        using HttpResponseMessage models = await cluster.Http.GetAsync("/v1/models", Timeouts.Token());
        Assert.Equal(HttpStatusCode.OK, models.StatusCode);

        cluster.Http.DefaultRequestHeaders.Authorization = null;
        foreach (string open in new[] { "/healthz", "/readyz", "/metrics" })
        {
            using HttpResponseMessage response = await cluster.Http.GetAsync(open, Timeouts.Token());
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Theory]
    [InlineData("acme", "entry 1 must be tenant=key")]
    [InlineData("acme=short-secret", "the key of 'acme' must be at least 16")]
    [InlineData("acme=has a space 0123456789", "the key of 'acme' must be at least 16")]
    [InlineData("a/b=0123456789abcdef", "entry 1 must be tenant=key")]
    [InlineData("a=0123456789abcdef,b=0123456789abcdef", "the key of 'b' is there twice")]
    public void TryParse_WrongKeys_SaysWhichAndShowsNoKey(string setting, string expected)
    {
        Assert.False(ApiKeys.TryParse(setting, out _, out string? fault));
        Assert.StartsWith(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
        Assert.DoesNotContain("0123456789", fault, StringComparison.Ordinal);
        HostStartException error = Assert.Throws<HostStartException>(() => GatewayHost.Create(new GatewayOptions { ModelFolder = TestCluster.ModelFolder, ApiKeys = setting }));
        Assert.Contains("ApiKeys: ", error.Message, StringComparison.Ordinal);
    }

    private static Task<TestCluster> StartAsync() =>
        TestCluster.StartAsync(configure: options => options.ApiKeys = $"acme={AcmeKey}, beta={BetaKey}, acme={OtherAcmeKey}");

    private static async Task<string> IdsAskedAsync(TestCluster cluster, string key, string tenant)
    {
        int lookupCount = cluster.Store.Store.Lookups.Count;
        await GenerateAsync(cluster, new Metadata { { "authorization", $"bearer {key}" } }, tenant);
        return string.Join(' ', cluster.Store.Store.Lookups.ElementAt(lookupCount).BlockIds.Select(id => Convert.ToHexString(id.Span)));
    }

    private static async Task GenerateAsync(TestCluster cluster, Metadata headers, string tenant)
    {
        GenerateRequest request = TestCluster.Request(cluster.Prompt(), 4);
        request.Tenant = tenant;
        using AsyncServerStreamingCall<GenerateReply> call = cluster.Client.Generate(request, headers, cancellationToken: Timeouts.Token());
        while (await call.ResponseStream.MoveNext(Timeouts.Token()))
        {
            Assert.NotNull(call.ResponseStream.Current);
        }
    }

    private static async Task RefusesAsync(Func<Task> call) =>
        Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
}
