using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends;

/// <summary>The device that a runner computes on is lost to this process: no step will ever succeed again, in no runner on it. The message is one line.</summary>
public sealed class DeviceLostException : Exception
{
    public DeviceLostException()
    {
    }

    public DeviceLostException(string message)
        : base(message)
    {
    }

    public DeviceLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>What an error says of the device; null: it is not lost, only this call has failed.</summary>
    public static DeviceLostException? Of(Exception? error) => error switch
    {
        DeviceLostException lost => lost,
        CudaException { IsDeviceLost: true } cuda => new DeviceLostException($"The GPU is lost to this process: {cuda.Message.ReplaceLineEndings(" ")}", cuda),
        _ => null,
    };
}
