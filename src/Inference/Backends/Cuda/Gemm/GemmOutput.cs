namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>What becomes of a product.</summary>
internal enum GemmOutput
{
    /// <summary>Written, bf16.</summary>
    BrainFloat,

    /// <summary>Written, 32-bit floats.</summary>
    Single,

    /// <summary>Added to 32-bit floats: the residual stream.</summary>
    AddToSingle,
}
