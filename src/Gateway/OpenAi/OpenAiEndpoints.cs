using KvCluster.Gateway.Authentication;
using KvCluster.Gateway.Models;

namespace KvCluster.Gateway.OpenAi;

/// <summary>The routes of the OpenAI API.</summary>
internal static class OpenAiEndpoints
{
    public static void MapOpenAi(this WebApplication app)
    {
        MapOnly(app, HttpMethods.Post, "/v1/chat/completions", ChatAsync);
        MapOnly(app, HttpMethods.Post, "/v1/completions", TextAsync);
        MapOnly(app, HttpMethods.Get, "/v1/models", ListModelsAsync);
        MapOnly(app, HttpMethods.Get, "/v1/models/{id}", GetModelAsync);
    }

    /// <summary>
    /// Other methods are answered with 405 here: routing would only do so where no other route, such as the one for unknown
    /// gRPC methods, has the same shape.
    /// </summary>
    private static void MapOnly(WebApplication app, string method, string route, RequestDelegate handle)
    {
        app.MapMethods(route, [method], (RequestDelegate)(context => Authenticated(context, handle)));
        app.Map(route, (RequestDelegate)(context =>
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = method;
            return Task.CompletedTask;
        }));
    }

    /// <summary>Before anything of the request is read.</summary>
    private static Task Authenticated(HttpContext context, RequestDelegate handle) =>
        Get<ApiKeys>(context).TryFindTenant(context.Request.Headers.Authorization, "", out _) ? handle(context) : throw ApiErrors.Unauthenticated();

    private static async Task ChatAsync(HttpContext context)
    {
        GatewayOptions options = Get<GatewayOptions>(context);
        ChatBody body = await BodyReader.ReadAsync(context, OpenAiJson.Default.ChatBody, options.MaxRequestBodyBytes);
        AnswerHeader header = CreateHeader(context, "chatcmpl-", body);
        AnswerPlan plan = Get<BodyTranslation>(context).Translate(body, context, header.Id);
        var format = new ChatFormat(header, Get<ServedModel>(context).Tokenizer, body.Logprobs == true);
        await Get<Answering>(context).AnswerAsync(context, plan, format);
    }

    private static async Task TextAsync(HttpContext context)
    {
        GatewayOptions options = Get<GatewayOptions>(context);
        TextBody body = await BodyReader.ReadAsync(context, OpenAiJson.Default.TextBody, options.MaxRequestBodyBytes);
        AnswerHeader header = CreateHeader(context, "cmpl-", body);
        AnswerPlan plan = Get<BodyTranslation>(context).Translate(body, context, header.Id);
        ServedModel model = Get<ServedModel>(context);
        string[] echoes = body.Echo == true
            ? [.. body.Prompt!.SelectMany(prompt => Enumerable.Repeat(EchoOf(prompt, model), plan.ChoicesPerPrompt))]
            : [];
        await Get<Answering>(context).AnswerAsync(context, plan, new TextFormat(header, model.Tokenizer, body.Logprobs is not null, echoes));
    }

    private static async Task ListModelsAsync(HttpContext context)
    {
        IReadOnlyList<(ModelOffer Offer, DateTimeOffset FirstSeen)> models = await Get<ModelDirectory>(context).ListAsync();
        var list = new ModelList("list", [.. models.Select(model => ToEntry(model.Offer, model.FirstSeen))]);
        await context.Response.WriteAsJsonAsync(list, OpenAiJson.Default.ModelList, cancellationToken: context.RequestAborted);
    }

    private static async Task GetModelAsync(HttpContext context)
    {
        string id = (string)context.Request.RouteValues["id"]!;
        foreach ((ModelOffer offer, DateTimeOffset firstSeen) in await Get<ModelDirectory>(context).ListAsync())
        {
            if (offer.Name == id)
            {
                ModelEntry entry = ToEntry(offer, firstSeen);
                await context.Response.WriteAsJsonAsync(entry, OpenAiJson.Default.ModelEntry, cancellationToken: context.RequestAborted);
                return;
            }
        }

        throw ApiErrors.ModelNotFound($"model: '{id}' is not served here; /v1/models lists what is");
    }

    private static ModelEntry ToEntry(ModelOffer offer, DateTimeOffset firstSeen) =>
        new(offer.Name, "model", firstSeen.ToUnixTimeSeconds(), "kvcluster", offer.MaxContextTokens);

    /// <summary>Token ids that are not of the model are left out here; the request is refused for them anyway.</summary>
    private static string EchoOf(PromptInput prompt, ServedModel model) =>
        prompt.Text ?? model.Tokenizer.Decode(prompt.TokenIds, skipSpecialTokens: false);

    private static AnswerHeader CreateHeader(HttpContext context, string prefix, GenerationBody body)
    {
        string id = prefix + Guid.NewGuid().ToString("n");
        context.TraceIdentifier = id;
        return new AnswerHeader(id, Get<TimeProvider>(context).GetUtcNow().ToUnixTimeSeconds(), body.Model ?? "");
    }

    private static T Get<T>(HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();
}
