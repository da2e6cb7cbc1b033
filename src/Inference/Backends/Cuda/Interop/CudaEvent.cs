namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A mark in a stream that others wait for, or whose time is taken.</summary>
internal sealed class CudaEvent : CudaHandle
{
    private const uint Timed = 0;
    private const uint Untimed = 2;
    private const int NotReady = 600;

    public CudaEvent(bool isTimed = false)
    {
        CudaException.ThrowOn(CudaDriver.EventCreate(out nint created, isTimed ? Timed : Untimed), "cuEventCreate");
        SetHandle(created);
    }

    public void Record(CudaStream stream) => CudaException.ThrowOn(CudaDriver.EventRecord(Value, stream.Value), "cuEventRecord");

    public void Synchronize() => CudaException.ThrowOn(CudaDriver.EventSynchronize(Value), "cuEventSynchronize");

    /// <summary>Whether the stream has passed, without waiting.</summary>
    public bool IsReached()
    {
        int result = CudaDriver.EventQuery(Value);
        if (result != NotReady)
        {
            CudaException.ThrowOn(result, "cuEventQuery");
        }

        return result == 0;
    }

    /// <summary>From another mark to this one; both timed and reached.</summary>
    public TimeSpan Since(CudaEvent start)
    {
        CudaException.ThrowOn(CudaDriver.EventElapsedTime(out float milliseconds, start.Value, Value), "cuEventElapsedTime");
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    protected override int Destroy(nint value) => CudaDriver.EventDestroy(value);
}
