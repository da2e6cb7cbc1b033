namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Recorded launches that are issued at once.</summary>
internal sealed class CudaGraph : CudaHandle
{
    /// <param name="graph">What a capture ended with; destroyed here.</param>
    public CudaGraph(nint graph)
    {
        int result = CudaDriver.GraphInstantiate(out nint executable, graph, 0);
        _ = CudaDriver.GraphDestroy(graph);
        CudaException.ThrowOn(result, "cuGraphInstantiate");
        SetHandle(executable);
    }

    public void Launch(CudaStream stream) => CudaException.ThrowOn(CudaDriver.GraphLaunch(Value, stream.Value), "cuGraphLaunch");

    protected override int Destroy(nint value) => CudaDriver.GraphExecutableDestroy(value);
}
