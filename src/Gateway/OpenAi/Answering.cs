using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Generation;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Runs the choices of a request and writes them in a format, streaming or whole.</summary>
internal sealed class Answering(GenerationService generation, ILogger<Answering> logger)
{
    public async Task AnswerAsync<T>(HttpContext context, AnswerPlan plan, AnswerFormat<T> format)
        where T : class
    {
        try
        {
            IAsyncEnumerable<ChoiceReply> replies = ChoiceRunner.RunAsync(generation, plan.Requests, context.RequestAborted);
            await (plan.Streams ? StreamAsync(context, plan, format, replies) : WriteAsync(context, plan, format, replies));
        }
        catch (RequestFailedException e)
        {
            throw ApiErrors.ToApiException(e.Error, plan.Rename);
        }
    }

    private static async Task WriteAsync<T>(
        HttpContext context, AnswerPlan plan, AnswerFormat<T> format, IAsyncEnumerable<ChoiceReply> replies)
        where T : class
    {
        List<GenerateReply>[] parts = [.. plan.Requests.Select(_ => new List<GenerateReply>())];
        await foreach (ChoiceReply reply in replies)
        {
            parts[reply.Index].Add(reply.Reply);
        }

        CompletionUsage usage = CompletionUsage.Of([.. parts.Select(part => part[^1].Usage)], plan.ChoicesPerPrompt);
        await context.Response.WriteAsJsonAsync(format.Whole(parts, usage), format.JsonType, cancellationToken: context.RequestAborted);
    }

    private async Task StreamAsync<T>(
        HttpContext context, AnswerPlan plan, AnswerFormat<T> format, IAsyncEnumerable<ChoiceReply> replies)
        where T : class
    {
        var stream = new EventStream(context);
        var usages = new Usage?[plan.Requests.Count];
        var isOpened = new bool[plan.Requests.Count];
        bool hasStarted = false;
        try
        {
            await foreach ((int index, GenerateReply reply) in replies)
            {
                if (!hasStarted)
                {
                    hasStarted = true;
                    stream.Start();
                }

                if (!isOpened[index])
                {
                    isOpened[index] = true;
                    Write(stream, format, format.Opening(index));
                }

                Write(stream, format, format.Chunk(index, reply));
                usages[index] = reply.Usage ?? usages[index];
                await stream.FlushAsync();
            }

            if (plan.IncludesUsage)
            {
                Write(stream, format, format.UsageChunk(CompletionUsage.Of(usages!, plan.ChoicesPerPrompt)));
            }

            await stream.EndAsync();
        }
        catch (Exception e) when (hasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            // The status is out: the error can only be an event, after which the stream ends as usual.
            Log.StreamBroke(logger, context.TraceIdentifier, e.Message);
            ApiException error = e is RequestFailedException failed ? ApiErrors.ToApiException(failed.Error, plan.Rename) : ApiErrors.Internal();
            stream.Write(new ErrorBody(error.Error), OpenAiJson.Default.ErrorBody);
            await stream.EndAsync();
        }
    }

    private static void Write<T>(EventStream stream, AnswerFormat<T> format, T? chunk)
        where T : class
    {
        if (chunk is not null)
        {
            stream.Write(chunk, format.JsonType);
        }
    }
}
