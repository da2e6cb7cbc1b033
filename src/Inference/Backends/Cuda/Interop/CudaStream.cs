namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Work of the device in order. Does not wait for the default stream.</summary>
internal sealed unsafe class CudaStream : CudaHandle
{
    private const uint NonBlocking = 1;

    /// <summary>Only this thread's calls may break a capture, so that finalizers elsewhere do not.</summary>
    private const int CaptureThreadLocal = 1;

    public CudaStream()
    {
        CudaException.ThrowOn(CudaDriver.StreamCreate(out nint stream, NonBlocking), "cuStreamCreate");
        SetHandle(stream);
    }

    /// <summary>Waits for all work so far; the place where errors of kernels come out.</summary>
    public void Synchronize() => CudaException.ThrowOn(CudaDriver.StreamSynchronize(Value), "cuStreamSynchronize");

    /// <summary>Work from now on waits for what <paramref name="reached"/> recorded.</summary>
    public void WaitFor(CudaEvent reached) => CudaException.ThrowOn(CudaDriver.StreamWaitEvent(Value, reached.Value, 0), "cuStreamWaitEvent");

    /// <summary>The source must stay as it is until the stream has passed; pinned memory for it to be asynchronous.</summary>
    public void CopyToDevice(ulong to, ReadOnlySpan<byte> from)
    {
        fixed (byte* source = from)
        {
            CudaException.ThrowOn(CudaDriver.CopyToDevice(to, source, (nuint)from.Length, Value), "cuMemcpyHtoDAsync", $"{from.Length} bytes");
        }
    }

    /// <summary>Memory that holds these bytes; waits for the copy.</summary>
    /// <exception cref="CudaException">The device has no room.</exception>
    public DeviceMemory Upload(ReadOnlySpan<byte> bytes)
    {
        var memory = new DeviceMemory(bytes.Length);
        CopyToDevice(memory.Address, bytes);
        Synchronize();
        return memory;
    }

    /// <summary>The destination is filled once the stream has passed, and must not move until then: pinned memory, or <see cref="Synchronize"/> inside its fixed scope.</summary>
    public void CopyToHost(byte* to, ulong from, long bytes) =>
        CudaException.ThrowOn(CudaDriver.CopyToHost(to, from, (nuint)bytes, Value), "cuMemcpyDtoHAsync", $"{bytes} bytes");

    public void Fill(ulong to, byte value, long bytes) =>
        CudaException.ThrowOn(CudaDriver.Fill(to, value, (nuint)bytes, Value), "cuMemsetD8Async", $"{bytes} bytes");

    /// <summary>Records what <paramref name="work"/> launches on this stream instead of running it.</summary>
    public CudaGraph Capture(Action work)
    {
        CudaException.ThrowOn(CudaDriver.StreamBeginCapture(Value, CaptureThreadLocal), "cuStreamBeginCapture");
        nint graph = 0;
        try
        {
            work();
        }
        catch
        {
            if (CudaDriver.StreamEndCapture(Value, out graph) == 0 && graph != 0)
            {
                _ = CudaDriver.GraphDestroy(graph);
            }

            throw;
        }

        CudaException.ThrowOn(CudaDriver.StreamEndCapture(Value, out graph), "cuStreamEndCapture");
        return new CudaGraph(graph);
    }

    protected override int Destroy(nint value) => CudaDriver.StreamDestroy(value);
}
