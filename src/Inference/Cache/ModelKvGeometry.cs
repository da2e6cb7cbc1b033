using KvCluster.Compression.Blocks;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Cache;

/// <summary>The shape of a model's KV cache.</summary>
public static class ModelKvGeometry
{
    public static KvGeometry Of(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new KvGeometry(config.LayerCount, config.KvHeadCount, config.HeadSize);
    }
}
