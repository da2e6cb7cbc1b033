using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Engine;
using KvCluster.ServiceDefaults.Options;

namespace KvCluster.PrefillWorker;

/// <summary>Everything that can be set at a prefill worker.</summary>
public sealed class PrefillWorkerOptions : IValidatedOptions
{
    public const string Section = "PrefillWorker";

    /// <summary>Where gRPC is served; port 0 takes a free one.</summary>
    public string ListenAddress { get; set; } = "http://0.0.0.0:8082";

    /// <summary>Where <c>/healthz</c>, <c>/readyz</c> and <c>/metrics</c> are served over HTTP/1.1. Empty: not at all.</summary>
    public string HttpListenAddress { get; set; } = "";

    /// <summary>Where others reach this worker. Empty: the address it listens on.</summary>
    public string AdvertisedAddress { get; set; } = "";

    /// <summary>The Gateway's gRPC endpoint.</summary>
    public string GatewayAddress { get; set; } = "http://127.0.0.1:8081";

    /// <summary>Unique and stable over restarts, e.g. the pod name. Empty: <c>prefill-</c> and the machine's name.</summary>
    public string WorkerId { get; set; } = "";

    /// <summary>Hugging Face folder of the model.</summary>
    public string ModelFolder { get; set; } = "";

    /// <summary>What clients call the model. Empty: the folder's name, or its parent's when the folder is called <c>model</c>.</summary>
    public string ModelName { get; set; } = "";

    /// <summary>Codec of the KV blocks; the same on all workers of a model.</summary>
    public string KvSpec { get; set; } = "int4";

    /// <summary>What runs the model: <c>cpu</c> or <c>cuda</c>.</summary>
    public string Backend { get; set; } = "cpu";

    /// <summary>With <c>cuda</c>: random weights of this shape, <c>llama3-8b</c>, for measurements; the folder lends name and tokenizer. Empty: none.</summary>
    public string Synthetic { get; set; } = "";

    /// <summary>With <c>cuda</c>: of the memory that is free beside the weights, the share that pages of KV get, above 0 up to 1. Workers that share a GPU share this.</summary>
    public double DevicePageShare { get; set; } = DeviceOptions.DefaultPageShare;

    /// <summary>With <c>cuda</c>: a step that takes longer means that the GPU hangs, and the worker ends, milliseconds. 0: never.</summary>
    public int DeviceStepTimeoutMs { get; set; } = DeviceOptions.DefaultStepTimeoutMs;

    /// <summary>Stops when standard input ends, as it does when the process that started this one is gone.</summary>
    public bool EndsWithInput { get; set; }

    /// <summary>Most prompt tokens of one step, shared among Sequences; a multiple of 64. Never changes a result.</summary>
    public int KvChunkTokens { get; set; } = 512;

    /// <summary>Most Sequences in work at once.</summary>
    public int MaxSequences { get; set; } = 16;

    /// <summary>Most Sequences that wait for their place; more end with RESOURCE_EXHAUSTED.</summary>
    public int MaxWaitingSequences { get; set; } = 1024;

    /// <summary>Most KV bytes of Sequences in work. 0: a quarter of the memory that the process may use.</summary>
    public long KvBudgetBytes { get; set; }

    /// <summary>A Sequence with this many bytes of slabs not sent yet sits out steps until some are.</summary>
    public long MaxUnsentBytes { get; set; } = 64L << 20;

    /// <summary>KvStore shards that keep each Block, 1 or 2. 0: as the Gateway says.</summary>
    public int KvReplicas { get; set; }

    /// <summary>The shortest time after which a replica is asked for a Block too, milliseconds. 0: never.</summary>
    public int HedgeMinMs { get; set; } = 30;

    /// <summary>How the GPU is used.</summary>
    public DeviceOptions Device => new(DevicePageShare, TimeSpan.FromMilliseconds(DeviceStepTimeoutMs));

    public IEnumerable<string> Validate()
    {
        if (!ServiceDefaults.Hosting.ListenAddress.TryParse(ListenAddress, out _))
        {
            yield return $"{nameof(ListenAddress)} '{ListenAddress}' is not an address; write {ServiceDefaults.Hosting.ListenAddress.Forms}";
        }

        if (HttpListenAddress.Length > 0 && !ServiceDefaults.Hosting.ListenAddress.TryParse(HttpListenAddress, out _))
        {
            yield return $"{nameof(HttpListenAddress)} '{HttpListenAddress}' is not an address; write {ServiceDefaults.Hosting.ListenAddress.Forms}";
        }

        if (ModelFolder.Length == 0)
        {
            yield return $"{nameof(ModelFolder)} is not set; give a Hugging Face model folder";
        }

        if (DevicePageShare is not (> 0 and <= 1))
        {
            yield return $"{nameof(DevicePageShare)} must be above 0 and at most 1, not {DevicePageShare}";
        }

        if (DeviceStepTimeoutMs < 0)
        {
            yield return $"{nameof(DeviceStepTimeoutMs)} must not be negative, is {DeviceStepTimeoutMs}; with 0 no step is ever taken to hang";
        }

        if (!WorkerModel.Backends.Contains(Backend))
        {
            yield return $"{nameof(Backend)} must be one of {string.Join(", ", WorkerModel.Backends)}, not '{Backend}'";
        }

        if (KvChunkTokens < KvGeometry.BlockTokenCount || KvChunkTokens % KvGeometry.BlockTokenCount != 0)
        {
            yield return $"{nameof(KvChunkTokens)} must be a multiple of {KvGeometry.BlockTokenCount}, not {KvChunkTokens}";
        }

        if (MaxSequences < 1)
        {
            yield return $"{nameof(MaxSequences)} must be at least 1, not {MaxSequences}";
        }

        if (MaxWaitingSequences < 0)
        {
            yield return $"{nameof(MaxWaitingSequences)} must not be negative, is {MaxWaitingSequences}";
        }

        if (KvReplicas is < 0 or > 2)
        {
            yield return $"{nameof(KvReplicas)} must be 0 to 2, not {KvReplicas}";
        }

        if (HedgeMinMs < 0)
        {
            yield return $"{nameof(HedgeMinMs)} must not be negative, is {HedgeMinMs}";
        }

        if (KvBudgetBytes < 0)
        {
            yield return $"{nameof(KvBudgetBytes)} must not be negative, is {KvBudgetBytes}";
        }

        if (MaxUnsentBytes < 1)
        {
            yield return $"{nameof(MaxUnsentBytes)} must be at least 1, not {MaxUnsentBytes}";
        }
    }
}
