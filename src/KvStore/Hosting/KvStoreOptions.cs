using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Redis;
using KvCluster.ServiceDefaults.Options;
using KvCluster.ServiceDefaults.Streams;

namespace KvCluster.KvStore.Hosting;

/// <summary>Settings of a KvStore shard; section <c>KvStore</c>.</summary>
public sealed class KvStoreOptions : IValidatedOptions
{
    public const string Section = "KvStore";

    private const long MinDiskBudgetBytes = 16 << 20;

    /// <summary>Where gRPC is served. Default <c>http://0.0.0.0:8083</c>.</summary>
    public string ListenAddress { get; set; } = "http://0.0.0.0:8083";

    /// <summary>
    /// Port of slab streams, on the same addresses. Default null: 10 over gRPC's, any free one when that is 0. -1: Put and Get over gRPC alone, as
    /// always on a Unix socket.
    /// </summary>
    public int? SlabPort { get; set; }

    /// <summary>Port at which clients reach slab streams where something lies between. Default 0: where they are served.</summary>
    public int AdvertisedSlabPort { get; set; }

    /// <summary>
    /// Where a Unix socket is made, over which clients of the same machine and user reach slab streams faster. Default: <c>kvcluster-</c> and the user's id in
    /// XDG_RUNTIME_DIR or the folder for temporary files. Empty: none, as always where <see cref="AdvertisedSlabPort"/> is another than that served.
    /// </summary>
    public string SlabSocketFolder { get; set; } = SlabEndpoint.DefaultSocketFolder;

    /// <summary>Where <c>/metrics</c>, <c>/healthz</c> and <c>/readyz</c> are served over HTTP/1.1. Default empty: not at all.</summary>
    public string HttpListenAddress { get; set; } = "";

    /// <summary>
    /// Most bytes of memory for blocks: a sixteenth of it, at most 64 MiB, is kept idle for the slabs that come next. Queues of tiers below come on top.
    /// Default 0: a quarter of the memory that the process may use.
    /// </summary>
    public long MemoryBudgetBytes { get; set; }

    /// <summary>Shards on this machine, each of which takes its part of the defaults of <see cref="MemoryBudgetBytes"/> and <see cref="DiskBudgetBytes"/>. Default 1.</summary>
    public int MachineShardCount { get; set; } = 1;

    /// <summary>Which block goes when memory is full: <c>arc</c> (default), <c>s3fifo</c> or <c>lru</c>; compared in docs/traces.md.</summary>
    public string EvictionPolicy { get; set; } = EvictionPolicies.Default;

    /// <summary>
    /// Bytes of memory that the blocks of one owner (a tenant, with one model and codec) may take: beyond it, its own longest unused blocks go first.
    /// Blocks in use may be over it. Default 0: no quota.
    /// </summary>
    public long OwnerQuotaBytes { get; set; }

    /// <summary>Blocks that nobody asked for in this time are dropped from memory, and not written to disk or Redis for it. Default zero: never.</summary>
    public TimeSpan BlockTtl { get; set; }

    /// <summary>Most of the memory budget that pinned blocks may take, 0 to 1. Default 0.25. 0: no pins.</summary>
    public double MaxPinnedShare { get; set; } = 0.25;

    /// <summary>Longest pin that is given. Default 24 hours.</summary>
    public TimeSpan MaxPinTime { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Where blocks are kept on disk, by one store at a time. Default empty: nowhere, memory only.</summary>
    public string DataFolder { get; set; } = "";

    /// <summary>Most bytes of files in <see cref="DataFolder"/>. Default 0: what the folder holds and half of what is free on its disk.</summary>
    public long DiskBudgetBytes { get; set; }

    /// <summary>
    /// Bytes a second of blocks that were used only once that may be written to disk; blocks that were used again always are. Default 64 MiB.
    /// 0: only those.
    /// </summary>
    public long DiskUnprovenBytesPerSecond { get; set; } = 64 << 20;

    /// <summary>StackExchange.Redis connection string of a Redis that shards share as the tier below memory and disk. Default empty: none.</summary>
    public string RedisConnection { get; set; } = "";

    /// <summary>How long a block stays in Redis after it was written or read last. Default 1 day.</summary>
    public TimeSpan RedisBlockTtl { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Longest wait for an answer of Redis, milliseconds; for a block, longer by a second for every 16 MiB. Default 250.</summary>
    public int RedisTimeoutMs { get; set; } = 250;

    /// <summary>
    /// Bytes a second of blocks that were used only once that may be written to Redis; blocks that were used again always are. Default 16 MiB.
    /// 0: only those.
    /// </summary>
    public long RedisUnprovenBytesPerSecond { get; set; } = 16 << 20;

    /// <summary>
    /// Keys with which blocks on disk and in Redis are sealed: <c>id=base64,id=base64</c>, 32 bytes each. The first one seals, all of them
    /// open. Default empty: blocks are written plain.
    /// </summary>
    public string EncryptionKeys { get; set; } = "";

    /// <summary>A Put that leaves blocks incomplete and is silent for this long is ended. Default 30 s.</summary>
    public TimeSpan PutTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest lease that is given. Default 10 minutes.</summary>
    public TimeSpan MaxLeaseTime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Whether a planned stop copies what memory holds to the other shards first, unless a tier below keeps it. Default true; false where all shards stop
    /// at once.
    /// </summary>
    public bool HandsOverAtStop { get; set; } = true;

    /// <summary>The Gateway to join. Default empty: none.</summary>
    public string GatewayAddress { get; set; } = "";

    /// <summary>Unique in the cluster and stable over restarts. Default <c>kvstore-</c> and the machine's name.</summary>
    public string WorkerId { get; set; } = $"kvstore-{Environment.MachineName}";

    /// <summary>Where workers reach the shard. Default empty: where it listens, with the machine's name for <c>*</c>.</summary>
    public string AdvertisedAddress { get; set; } = "";

    /// <summary>Where slab streams are served.</summary>
    public SlabEndpoint Slabs => new(ListenAddress, SlabPort, AdvertisedSlabPort, SlabSocketFolder);

    /// <summary><see cref="MemoryBudgetBytes"/> with its default filled in.</summary>
    public long EffectiveMemoryBudgetBytes =>
        MemoryBudgetBytes > 0 ? MemoryBudgetBytes : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 / Math.Max(1, MachineShardCount);

    public IEnumerable<string> Validate()
    {
        if (!ServiceDefaults.Hosting.ListenAddress.TryParse(ListenAddress, out _))
        {
            yield return $"{nameof(ListenAddress)} must be {ServiceDefaults.Hosting.ListenAddress.Forms}, not '{ListenAddress}'";
        }

        if (HttpListenAddress.Length > 0 && !ServiceDefaults.Hosting.ListenAddress.TryParse(HttpListenAddress, out _))
        {
            yield return $"{nameof(HttpListenAddress)} must be empty or {ServiceDefaults.Hosting.ListenAddress.Forms}, not '{HttpListenAddress}'";
        }

        foreach (string fault in Slabs.Validate())
        {
            yield return fault;
        }

        if (MemoryBudgetBytes < 0)
        {
            yield return $"{nameof(MemoryBudgetBytes)} must be 0 (a quarter of memory) or more, not {MemoryBudgetBytes}";
        }

        if (MachineShardCount < 1)
        {
            yield return $"{nameof(MachineShardCount)} must be at least 1, not {MachineShardCount}";
        }

        if (!EvictionPolicies.Names.Contains(EvictionPolicy))
        {
            yield return $"{nameof(EvictionPolicy)} must be one of {string.Join(", ", EvictionPolicies.Names)}, not '{EvictionPolicy}'";
        }

        if (DiskBudgetBytes != 0 && DiskBudgetBytes < MinDiskBudgetBytes)
        {
            yield return $"{nameof(DiskBudgetBytes)} must be 0 (half of what is free) or at least {MinDiskBudgetBytes}, not {DiskBudgetBytes}";
        }

        if (DiskUnprovenBytesPerSecond < 0)
        {
            yield return $"{nameof(DiskUnprovenBytesPerSecond)} must be 0 (only blocks that were used again) or more, not {DiskUnprovenBytesPerSecond}";
        }

        if (RedisConnection.Length > 0 && RedisLink.FaultOf(RedisConnection) is { } redisFault)
        {
            yield return $"{nameof(RedisConnection)} must be empty or like redis:6379,password=…: {redisFault}";
        }

        if (!Isolation.EncryptionKeys.TryParse(EncryptionKeys, out _, out string? keyFault))
        {
            yield return $"{nameof(EncryptionKeys)}: {keyFault}";
        }

        if (RedisBlockTtl < TimeSpan.FromSeconds(1))
        {
            yield return $"{nameof(RedisBlockTtl)} must be at least a second, not {RedisBlockTtl}";
        }

        if (RedisTimeoutMs < 1)
        {
            yield return $"{nameof(RedisTimeoutMs)} must be at least 1, not {RedisTimeoutMs}";
        }

        if (RedisUnprovenBytesPerSecond < 0)
        {
            yield return $"{nameof(RedisUnprovenBytesPerSecond)} must be 0 (only blocks that were used again) or more, not {RedisUnprovenBytesPerSecond}";
        }

        if (PutTimeout <= TimeSpan.Zero)
        {
            yield return $"{nameof(PutTimeout)} must be over 0, not {PutTimeout}";
        }

        if (OwnerQuotaBytes < 0)
        {
            yield return $"{nameof(OwnerQuotaBytes)} must be 0 (no quota) or more, not {OwnerQuotaBytes}";
        }

        if (BlockTtl < TimeSpan.Zero)
        {
            yield return $"{nameof(BlockTtl)} must be 0 (blocks stay until they are evicted) or more, not {BlockTtl}";
        }

        if (MaxPinnedShare is not (>= 0 and <= 1))
        {
            yield return $"{nameof(MaxPinnedShare)} must be 0 to 1, not {MaxPinnedShare}";
        }

        if (MaxPinTime <= TimeSpan.Zero)
        {
            yield return $"{nameof(MaxPinTime)} must be over 0, not {MaxPinTime}";
        }

        if (MaxLeaseTime <= TimeSpan.Zero)
        {
            yield return $"{nameof(MaxLeaseTime)} must be over 0, not {MaxLeaseTime}";
        }

        if (WorkerId.Length == 0)
        {
            yield return $"{nameof(WorkerId)} must not be empty";
        }
    }
}
