namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>An entry of a module.</summary>
internal sealed unsafe class CudaKernel
{
    private const int MaxDynamicSharedAttribute = 8;
    private const int SharedBytesWithoutAsking = 48 << 10;

    private readonly CudaModule _module;
    private readonly nint _function;
    private readonly string _entry;
    private readonly int _sharedBytes;

    public CudaKernel(CudaModule module, nint function, string entry, int sharedBytes)
    {
        _module = module;
        _function = function;
        _entry = entry;
        _sharedBytes = sharedBytes;
        if (sharedBytes > SharedBytesWithoutAsking)
        {
            CudaException.ThrowOn(
                CudaDriver.FunctionSetAttribute(function, MaxDynamicSharedAttribute, sharedBytes), "cuFuncSetAttribute", $"{entry}: {sharedBytes} bytes shared");
        }
    }

    /// <summary>How many blocks of <paramref name="threadCount"/> a multiprocessor holds at once.</summary>
    public int ResidentBlocks(int threadCount)
    {
        CudaException.ThrowOn(
            CudaDriver.OccupancyBlocks(out int blocks, _function, threadCount, (nuint)_sharedBytes), "cuOccupancyMaxActiveBlocksPerMultiprocessor", _entry);
        return blocks;
    }

    /// <summary>
    /// Launches with one argument, passed by value. <paramref name="isEarly"/>: from compute capability 9.0 on the kernel may start before the one ahead
    /// of it has ended, and waits itself where it must.
    /// </summary>
    public void Launch<T>(CudaStream stream, int gridX, int gridY, int threadCount, bool isEarly, in T argument, int gridZ = 1)
        where T : unmanaged
    {
        var early = new CudaLaunchAttribute { Id = CudaLaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
        var config = new CudaLaunchConfig
        {
            GridX = (uint)gridX,
            GridY = (uint)gridY,
            GridZ = (uint)gridZ,
            BlockX = (uint)threadCount,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)_sharedBytes,
            Stream = stream.Value,
            Attributes = &early,
            AttributeCount = isEarly ? 1u : 0u,
        };
        fixed (T* value = &argument)
        {
            void* parameter = value;
            CudaException.ThrowOn(CudaDriver.LaunchKernel(&config, _function, &parameter, null), "cuLaunchKernelEx", _entry);
        }

        GC.KeepAlive(_module);
    }
}
