using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;

namespace KvCluster.CommandLine.Bench;

/// <summary>Closed-loop clients: each sends its next prompt when the last is answered. Prompts are never repeated until all were sent.</summary>
internal sealed class LoadGenerator(V1.Inference.InferenceClient client, IReadOnlyList<string> prompts)
{
    private int _nextPrompt;

    public async Task<LoadResult> RunAsync(int clientCount, int requestCount, CancellationToken cancellationToken)
    {
        ConcurrentBag<RequestTiming> timings = [];
        int failed = 0;
        int remaining = requestCount;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, clientCount).Select(async _ =>
        {
            while (Interlocked.Decrement(ref remaining) >= 0)
            {
                try
                {
                    timings.Add(await SendAsync(NextPrompt(), cancellationToken));
                }
                catch (RpcException) when (!cancellationToken.IsCancellationRequested)
                {
                    Interlocked.Increment(ref failed);
                }
            }
        }));
        TimeSpan wall = clock.Elapsed;
        return new LoadResult
        {
            ClientCount = clientCount,
            RequestCount = requestCount,
            FailedCount = failed,
            GeneratedTokens = timings.Sum(timing => (long)timing.GeneratedTokens),
            PromptTokens = timings.Sum(timing => (long)timing.PromptTokens),
            Wall = wall,
            TimeToFirstToken = [.. timings.Select(timing => timing.TimeToFirstToken).Order()],
            TimeBetweenTokens = [.. timings.Select(timing => timing.TimeBetweenTokens).Order()],
        };
    }

    private string NextPrompt() => prompts[(int)((uint)Interlocked.Increment(ref _nextPrompt) % prompts.Count)];

    private async Task<RequestTiming> SendAsync(string prompt, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        long first = 0;
        int generated = 0;
        int promptTokens = 0;
        var request = new V1.GenerateRequest { Text = prompt, Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 200 } };
        using AsyncServerStreamingCall<V1.GenerateReply> call = client.Generate(request, cancellationToken: cancellationToken);
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (generated == 0 && reply.TokenIds.Count > 0)
            {
                first = Stopwatch.GetTimestamp();
            }

            generated += reply.TokenIds.Count;
            promptTokens = reply.Usage?.PromptTokens ?? promptTokens;
        }

        TimeSpan decode = Stopwatch.GetElapsedTime(first);
        return new RequestTiming(Stopwatch.GetElapsedTime(start, first), decode / Math.Max(1, generated - 1), generated, promptTokens);
    }
}
