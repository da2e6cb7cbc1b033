namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Machine code on the device.</summary>
internal sealed unsafe class CudaModule : CudaHandle
{
    private readonly string _name;

    /// <param name="image">A cubin.</param>
    /// <param name="name">For messages.</param>
    public CudaModule(ReadOnlySpan<byte> image, string name)
    {
        _name = name;
        fixed (byte* bytes = image)
        {
            CudaException.ThrowOn(CudaDriver.ModuleLoadData(out nint module, bytes), "cuModuleLoadData", name);
            SetHandle(module);
        }
    }

    public CudaKernel Kernel(string entry, int sharedBytes = 0)
    {
        CudaException.ThrowOn(CudaDriver.ModuleGetFunction(out nint function, Value, entry), "cuModuleGetFunction", $"{_name}: {entry}");
        return new CudaKernel(this, function, entry, sharedBytes);
    }

    protected override int Destroy(nint value) => CudaDriver.ModuleUnload(value);
}
