using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Server-sent events: <c>data: JSON</c> and an empty line, each flushed at once.</summary>
internal sealed class EventStream(HttpContext context)
{
    public void Start()
    {
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no";
    }

    public void Write<T>(T value, JsonTypeInfo<T> type)
    {
        context.Response.BodyWriter.Write("data: "u8);
        using (var writer = new Utf8JsonWriter(context.Response.BodyWriter))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        context.Response.BodyWriter.Write("\n\n"u8);
    }

    public async Task FlushAsync() => await context.Response.BodyWriter.FlushAsync(context.RequestAborted);

    public async Task EndAsync()
    {
        context.Response.BodyWriter.Write("data: [DONE]\n\n"u8);
        await FlushAsync();
    }
}
