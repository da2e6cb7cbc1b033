namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>Element types of queries and outputs; bf16 where a flag is missing.</summary>
[Flags]
internal enum AttentionWorkFlags
{
    None = 0,
    QueryIsSingle = 1,
    OutputIsSingle = 2,
}
