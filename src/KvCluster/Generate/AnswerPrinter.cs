using Grpc.Core;
using KvCluster.CommandLine.Terminal;

namespace KvCluster.CommandLine.Generate;

/// <summary>Streams one answer to stdout.</summary>
internal static class AnswerPrinter
{
    public static async Task<int> RunAsync(
        V1.Inference.InferenceClient client, V1.GenerateRequest request, bool showUsage, CancellationToken cancellationToken)
    {
        using AsyncServerStreamingCall<V1.GenerateReply> call = client.Generate(request, cancellationToken: cancellationToken);
        V1.GenerateReply? last = null;
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            await Console.Out.WriteAsync(reply.Text);
            await Console.Out.FlushAsync(cancellationToken);
            last = reply;
        }

        await Console.Out.WriteLineAsync();
        if (showUsage && last is { Usage: { } usage, Timings: { } timings })
        {
            await Console.Error.WriteLineAsync(
                $"{usage.PromptTokens} prompt tokens ({usage.CachedTokens} cached), {usage.CompletionTokens} generated; "
                + $"KV sent {usage.KvBytesSent:N0} B, received {usage.KvBytesReceived:N0} B; "
                + $"first token {timings.TtftUs / 1000.0:0.0} ms, in all {timings.TotalUs / 1000.0:0.0} ms");
        }

        return ExitCode.Done;
    }
}
