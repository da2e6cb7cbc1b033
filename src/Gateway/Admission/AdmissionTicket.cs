namespace KvCluster.Gateway.Admission;

/// <summary>A request's place in the queue of an <see cref="AdmissionGate"/>.</summary>
internal sealed class AdmissionTicket(AdmissionGate gate) : IDisposable
{
    private bool _isQueued = true;
    private bool _isDisposed;

    /// <summary>The request decodes: it waits no longer.</summary>
    public void MarkDecoding()
    {
        if (_isQueued)
        {
            _isQueued = false;
            gate.LeaveQueue();
        }
    }

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            MarkDecoding();
            gate.Leave();
        }
    }
}
