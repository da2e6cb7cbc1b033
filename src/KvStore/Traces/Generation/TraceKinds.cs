namespace KvCluster.KvStore.Traces.Generation;

/// <summary>The traces that can be made, by name.</summary>
public static class TraceKinds
{
    /// <summary><c>mix</c> is the other three at once, of tenants of their own.</summary>
    public static IReadOnlyList<string> Names { get; } = ["chat", "rag", "agent", "mix"];

    /// <summary>Requests in the order of time; the same for the same arguments.</summary>
    /// <param name="kind">One of <see cref="Names"/>.</param>
    /// <param name="requestCount">Requests, roughly: sessions are whole.</param>
    /// <param name="seed">Of all that is drawn.</param>
    public static IReadOnlyList<TraceRequest> Generate(string kind, int requestCount, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(requestCount);
        var requests = new List<TraceRequest>();
        switch (kind)
        {
            case "chat":
                new ChatTrace(new Random(seed)).Generate(requestCount, requests);
                break;
            case "rag":
                new RagTrace(new Random(seed)).Generate(requestCount, requests);
                break;
            case "agent":
                new AgentTrace(new Random(seed)).Generate(requestCount, requests);
                break;
            case "mix":
                Mix(requestCount, seed, requests);
                break;
            default:
                throw new ArgumentException($"There is no trace '{kind}'; use one of: {string.Join(", ", Names)}.", nameof(kind));
        }

        return [.. requests.OrderBy(request => request.At)];
    }

    /// <summary>As many requests of each, over the time that the longest of them takes.</summary>
    private static void Mix(int requestCount, int seed, List<TraceRequest> requests)
    {
        List<TraceRequest>[] parts = [[], [], []];
        int count = (requestCount + 2) / 3;
        new ChatTrace(new Random(seed)).Generate(count, parts[0]);
        new RagTrace(new Random(seed + 1)).Generate(count, parts[1]);
        new AgentTrace(new Random(seed + 2)).Generate(count, parts[2]);
        TimeSpan longest = parts.Max(part => part.Max(request => request.At));
        foreach (List<TraceRequest> part in parts)
        {
            double stretch = longest / TimeSpan.FromTicks(Math.Max(1, part.Max(request => request.At).Ticks));
            requests.AddRange(part.Select(request => request with { At = request.At * stretch }));
        }
    }
}
