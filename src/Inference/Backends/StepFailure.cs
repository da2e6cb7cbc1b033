namespace KvCluster.Inference.Backends;

/// <summary>Why an entry of a <see cref="StepBatch"/> has no usable result. Its cache must be disposed or truncated, not continued.</summary>
public enum StepFailure
{
    None,

    /// <summary>A token id is negative or not below the vocabulary size. Nothing was computed for the entry.</summary>
    InvalidTokenId,

    /// <summary>More tokens than the model has positions. Nothing was computed for the entry.</summary>
    ContextExceeded,

    /// <summary>The cache is of another codec or shape than the runner's. Nothing was computed for the entry.</summary>
    ForeignCache,

    /// <summary>K or V is NaN, infinite or beyond 16-bit floats. No slab of the offending layer on was handed out.</summary>
    NonFiniteKeyValue,

    /// <summary>No page of device memory is left for its Blocks. Nothing was computed for the entry.</summary>
    OutOfDeviceMemory,

    /// <summary>Logits are NaN or infinite: broken weights.</summary>
    NonFiniteLogits,
}
