namespace KvCluster.Gateway.Grains;

/// <summary>What a request has cost so far.</summary>
[GenerateSerializer, Immutable]
public sealed record RequestProgress
{
    public static readonly RequestProgress None = new();

    /// <summary>Prompt tokens whose KV came from the KvStore instead of being computed.</summary>
    [Id(0)] public int CachedTokenCount { get; init; }

    [Id(1)] public long KvBytesSent { get; init; }

    [Id(2)] public long KvBytesReceived { get; init; }

    [Id(3)] public int KvTokensReceived { get; init; }

    /// <summary>From admission to the start of prefill, microseconds.</summary>
    [Id(4)] public long QueueUs { get; init; }

    [Id(5)] public long PrefillUs { get; init; }

    /// <summary>From the first token until the decode worker held every block, microseconds.</summary>
    [Id(6)] public long HandoverUs { get; init; }

    /// <summary>A decode worker holds every block.</summary>
    [Id(7)] public bool IsDecoding { get; init; }

    /// <summary>Decode workers that took over from a lost one.</summary>
    [Id(8)] public int TakeOverCount { get; init; }

    [Id(9)] public int PrefillRetryCount { get; init; }

    /// <summary>Of <see cref="KvBytesReceived"/>: straight from the prefill worker.</summary>
    [Id(10)] public long KvBytesDirect { get; init; }
}
