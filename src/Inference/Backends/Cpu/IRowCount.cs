namespace KvCluster.Inference.Backends.Cpu;

/// <summary>A number of rows as a type, so that the JIT compiles a kernel for it.</summary>
internal interface IRowCount
{
    public static abstract int Count { get; }
}
