using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A driver object that is destroyed once.</summary>
internal abstract class CudaHandle : SafeHandle
{
    protected CudaHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>For driver calls; the object must be kept alive until they return.</summary>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected abstract int Destroy(nint value);

    protected override bool ReleaseHandle() => CudaException.IsReleased(Destroy(handle));
}
