using KvCluster.Gateway.HandOffs;
using KvCluster.ServiceDefaults.Options;

namespace KvCluster.Gateway;

/// <summary>Everything that can be set at the Gateway.</summary>
public sealed class GatewayOptions : IValidatedOptions
{
    /// <summary>Where the OpenAI API, health and metrics are served; port 0 takes a free one.</summary>
    public string HttpAddress { get; set; } = "http://0.0.0.0:8080";

    /// <summary>Where gRPC is served to clients and workers; port 0 takes a free one.</summary>
    public string GrpcAddress { get; set; } = "http://0.0.0.0:8081";

    /// <summary>Hugging Face folder of the model served; its tokenizer and chat template are used here.</summary>
    public string ModelFolder { get; set; } = "";

    /// <summary>What clients call the model. Null: the folder's name, or its parent's when the folder is called <c>model</c>.</summary>
    public string? ModelName { get; set; }

    /// <summary>A prompt with fewer uncached tokens than this is prefilled by its decode worker. 0: never.</summary>
    public int LocalPrefillMaxTokens { get; set; } = 128;

    /// <summary>How often workers report, milliseconds; one that misses ten reports leaves its pool.</summary>
    public int HeartbeatIntervalMs { get; set; } = 1000;

    /// <summary>Most requests that wait for their first decode step; one more is refused.</summary>
    public int MaxQueuedRequests { get; set; } = 256;

    /// <summary>Most prompts times choices of one HTTP request.</summary>
    public int MaxChoices { get; set; } = 128;

    /// <summary>Most workers tried in a row without a new token before a request fails.</summary>
    public int MaxAttempts { get; set; } = 4;

    /// <summary>How long a request that lost its worker waits for another to appear, milliseconds.</summary>
    public int TakeOverWaitMs { get; set; } = 15_000;

    /// <summary>A worker that gives no sign for this long in a request counts as lost for it, milliseconds. 0: never.</summary>
    public int StallTimeoutMs { get; set; } = 120_000;

    /// <summary>Time for which cached blocks are leased and re-leased while they are handed over, milliseconds.</summary>
    public int LeaseMs { get; set; } = 30_000;

    /// <summary>
    /// How a prompt's KV goes from prefill to decode worker: through the KvStore (<c>store</c>, the default), straight and to the KvStore behind
    /// (<c>direct</c>), or whichever was faster lately (<c>auto</c>).
    /// </summary>
    public HandOffMode HandOff { get; set; } = HandOffMode.Store;

    /// <summary>KvStore shards that keep each block, 1 or 2. With 2, the loss of a shard loses no block.</summary>
    public int KvReplicas { get; set; } = 1;

    /// <summary>For how long after a KvStore shard has joined blocks are also looked for where they were at home before, milliseconds.</summary>
    public int ShardSettleMs { get; set; } = 600_000;

    /// <summary>Most bytes of an HTTP request body.</summary>
    public long MaxRequestBodyBytes { get; set; } = 8 << 20;

    /// <summary>What clients of a full or empty cluster are told to wait, seconds.</summary>
    public int RetryAfterSeconds { get; set; } = 1;

    /// <summary>
    /// Who may call: <c>tenant=key,tenant=key</c>, the keys sent as <c>Authorization: Bearer KEY</c> over HTTP and gRPC. The tenant salts the
    /// BlockIds. Default empty: everybody, and a request may name any tenant.
    /// </summary>
    public string ApiKeys { get; set; } = "";

    /// <summary>
    /// StackExchange.Redis connection string through which several Gateways form one cluster. Null: this Gateway stands alone.
    /// Takes effect in builds on the published packages.
    /// </summary>
    public string? RedisConnection { get; set; }

    public IEnumerable<string> Validate() => GatewayOptionsValidation.Validate(this);
}
