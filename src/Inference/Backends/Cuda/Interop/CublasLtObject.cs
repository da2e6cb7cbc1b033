namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A library handle, description, layout or preference of cuBLASLt.</summary>
internal sealed class CublasLtObject : CudaHandle
{
    private readonly Func<nint, int> _destroy;

    public CublasLtObject(nint value, Func<nint, int> destroy)
    {
        _destroy = destroy;
        SetHandle(value);
    }

    protected override int Destroy(nint value) => _destroy(value);
}
