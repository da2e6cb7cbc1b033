namespace KvCluster.Inference.Cache;

/// <summary>Hears of every slab that a forward pass seals, layer by layer, before that layer's attention has run.</summary>
public interface ISlabSink
{
    /// <summary>
    /// Layer <paramref name="layer"/> of <paramref name="block"/> is encoded. Called on the compute thread in the order of blocks:
    /// share the lease, enqueue, return. The block is complete after its last layer.
    /// </summary>
    public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer);
}
