namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>How a product is written.</summary>
internal enum GemmOutput
{
    /// <summary>bf16.</summary>
    BrainFloat,

    /// <summary>32-bit floats.</summary>
    Single,
}
