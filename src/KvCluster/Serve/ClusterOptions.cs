using KvCluster.CommandLine.Terminal;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Serve;

/// <summary>What an <see cref="EmbeddedCluster"/> consists of.</summary>
internal sealed record ClusterOptions
{
    public required string ModelFolder { get; init; }
    public string KvSpec { get; init; } = KvOption.Default;

    /// <summary>What workers compute on.</summary>
    public string Backend { get; init; } = BackendOption.Default;

    /// <summary>Shape of random weights that workers make on the GPU in place of the folder's. Empty: none.</summary>
    public string Synthetic { get; init; } = "";

    /// <summary>A GPU for each worker, prefill's first, and each worker a process of its own. Empty: all workers in this process, on the first GPU.</summary>
    public IReadOnlyList<int> Devices { get; init; } = [];

    /// <summary>Shards of the KvStore.</summary>
    public int ShardCount { get; init; } = 1;

    /// <summary>Shards that keep each Block, 1 or 2.</summary>
    public int KvReplicas { get; init; } = 1;

    public int PrefillWorkerCount { get; init; } = 1;
    public int DecodeWorkerCount { get; init; } = 1;

    /// <summary>0 takes a free port.</summary>
    public int HttpPort { get; init; }

    /// <summary>0 takes a free port.</summary>
    public int GrpcPort { get; init; }

    /// <summary>The address that client ports listen on.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Tokens of prompt computed in one step.</summary>
    public int KvChunkTokens { get; init; } = 512;

    /// <summary>Uncached prompts under this length are prefilled by the decode worker. 0: never.</summary>
    public int LocalPrefillMaxTokens { get; init; } = 128;

    /// <summary>How prompts go from prefill to decode workers.</summary>
    public HandOffMode HandOff { get; init; } = HandOffMode.Store;

    /// <summary>How long a decode worker waits for the next slab of a prompt once its first token is there. Null: the worker's default.</summary>
    public int? HandOverQuietMs { get; init; }

    /// <summary>Byte budget of each shard's memory tier. Null: the store's default.</summary>
    public long? StoreBudgetBytes { get; init; }

    /// <summary>Where the KvStore keeps blocks on disk, several shards each in a folder below it. Empty: memory only.</summary>
    public string DataFolder { get; init; } = "";

    /// <summary>Byte budget of each shard's disk tier. Null: the store's default.</summary>
    public long? DiskBudgetBytes { get; init; }

    /// <summary>Connection string of the Redis below the KvStore. Empty: none.</summary>
    public string RedisConnection { get; init; } = "";

    /// <summary>How long Redis may take before it counts as holding nothing. Null: the store's default.</summary>
    public int? RedisTimeoutMs { get; init; }

    /// <summary>Keys that seal blocks on disk and in Redis: <c>id=base64,id=base64</c>. Empty: blocks are written plain.</summary>
    public string EncryptionKeys { get; init; } = "";

    /// <summary>Who may call: <c>tenant=key,tenant=key</c>. Empty: everybody.</summary>
    public string ApiKeys { get; init; } = "";

    /// <summary>Where the only shard serves slab streams. Null: the store's default.</summary>
    public int? StoreSlabPort { get; init; }

    /// <summary>Where it says that it does, when something lies between. Null: the same.</summary>
    public int? StoreAdvertisedSlabPort { get; init; }

    /// <summary>Where the only decode worker takes slabs directly. Null: the worker's default.</summary>
    public int? DecodeSlabPort { get; init; }

    /// <summary>Where it says that it does, when something lies between. Null: the same.</summary>
    public int? DecodeAdvertisedSlabPort { get; init; }
}
