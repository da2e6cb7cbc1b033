using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;

namespace KvCluster.CommandLine.Bench;

/// <summary>Closed-loop clients: each sends its next request when the last is answered.</summary>
/// <param name="client">Of the cluster.</param>
/// <param name="next">The next request; called by one client at a time.</param>
internal sealed class LoadGenerator(V1.Inference.InferenceClient client, Func<V1.GenerateRequest> next)
{
    private readonly Lock _lock = new();

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
                    timings.Add(await SendAsync(Next(), cancellationToken));
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
            LongestGap = [.. timings.Select(timing => timing.LongestGap).Order()],
        };
    }

    private V1.GenerateRequest Next()
    {
        lock (_lock)
        {
            return next();
        }
    }

    private async Task<RequestTiming> SendAsync(V1.GenerateRequest request, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        long first = 0;
        long last = 0;
        TimeSpan longestGap = TimeSpan.Zero;
        int generated = 0;
        int promptTokens = 0;
        using AsyncServerStreamingCall<V1.GenerateReply> call = client.Generate(request, cancellationToken: cancellationToken);
        await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (reply.TokenIds.Count > 0)
            {
                long now = Stopwatch.GetTimestamp();
                first = generated == 0 ? now : first;
                longestGap = generated == 0 || longestGap > Stopwatch.GetElapsedTime(last, now) ? longestGap : Stopwatch.GetElapsedTime(last, now);
                last = now;
            }

            generated += reply.TokenIds.Count;
            promptTokens = reply.Usage?.PromptTokens ?? promptTokens;
        }

        TimeSpan decode = Stopwatch.GetElapsedTime(first);
        return new RequestTiming(Stopwatch.GetElapsedTime(start, first), decode / Math.Max(1, generated - 1), longestGap, generated, promptTokens);
    }
}
