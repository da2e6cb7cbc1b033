using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Features;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Reads JSON bodies up to a limit and says what is wrong with the others.</summary>
internal static class BodyReader
{
    /// <summary>
    /// How many limits' worth of a body that is too long are read and thrown away, since many clients only look for an answer
    /// when they have sent everything.
    /// </summary>
    private const int DrainFactor = 16;

    /// <exception cref="ApiException">413 over the limit, 400 for what is not JSON or of a wrong type, with the field's path.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type, long maxBytes)
        where T : class
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        PipeReader body = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await body.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > maxBytes || context.Request.ContentLength > maxBytes)
            {
                body.AdvanceTo(read.Buffer.End);
                await DrainAsync(context, body, maxBytes * DrainFactor);
                throw new ApiException(
                    StatusCodes.Status413PayloadTooLarge,
                    ApiError.InvalidRequest,
                    $"The request body is over the limit of {maxBytes} bytes.",
                    null,
                    "body_too_large");
            }

            if (read.IsCompleted)
            {
                try
                {
                    return Parse(read.Buffer, type);
                }
                finally
                {
                    body.AdvanceTo(read.Buffer.End);
                }
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static async Task DrainAsync(HttpContext context, PipeReader body, long maxBytes)
    {
        long drained = 0;
        while (drained <= maxBytes)
        {
            ReadResult read = await body.ReadAsync(context.RequestAborted);
            drained += read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }

        context.Response.Headers.Connection = "close";
    }

    private static T Parse<T>(ReadOnlySequence<byte> bytes, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            T? value = JsonSerializer.Deserialize(ref reader, type);
            if (value is null)
            {
                throw ApiException.Invalid("The body must be a JSON object.", null, "invalid_json");
            }

            return reader.Read() ? throw ApiException.Invalid("The body holds more than one JSON value.", null, "invalid_json") : value;
        }
        catch (JsonException e)
        {
            throw Explain(e);
        }
    }

    private static ApiException Explain(JsonException e)
    {
        // Broken JSON comes with the reader's own exception inside; a value of a wrong type does not.
        if (e.InnerException is JsonException || e.Path is null or "$")
        {
            string place = e.LineNumber is { } line ? $" at line {line + 1}, byte {e.BytePositionInLine}" : "";
            return ApiException.Invalid($"The body is not a valid JSON object{place}.", null, "invalid_json");
        }

        string field = e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path;
        bool isOurs = e.Message.StartsWith("must be", StringComparison.Ordinal) || e.Message.StartsWith("a token id", StringComparison.Ordinal);
        string reason = isOurs ? e.Message.Split(" Path:")[0] : "has a value of a wrong type or range";
        return ApiException.Invalid($"{field}: {reason}", field, "invalid_type");
    }
}
