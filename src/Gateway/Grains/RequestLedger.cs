using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>Adds up what a request costs from what its workers report. Times run from the request's admission.</summary>
internal sealed class RequestLedger(TimeProvider time, int promptTokenCount)
{
    private readonly long _admittedAt = time.GetTimestamp();
    private long? _firstTokenAt;
    private long _dispatchUs;
    private bool _wasPrefilledRemotely;
    private bool _isReady;

    public RequestProgress Progress { get; private set; } = RequestProgress.None;

    public void NotePrefillStart() => _dispatchUs = Microseconds(_admittedAt);

    public void NoteFirstToken(PrefillFirstToken first)
    {
        _firstTokenAt ??= time.GetTimestamp();
        _wasPrefilledRemotely = true;
        Progress = Progress with
        {
            CachedTokenCount = first.CachedTokens,
            QueueUs = _dispatchUs + first.QueueUs,
            PrefillUs = first.PrefillUs,
        };
    }

    public void NotePrefillDone(PrefillDone done) => Progress = Progress with { KvBytesSent = Progress.KvBytesSent + done.KvBytesSent };

    /// <summary>The first decode worker's report describes the prompt; those of later ones only add bytes.</summary>
    public void NoteReady(DecodeReady ready)
    {
        Progress = Progress with
        {
            KvBytesReceived = Progress.KvBytesReceived + ready.KvBytesReceived,
            KvBytesDirect = Progress.KvBytesDirect + ready.DirectKvBytesReceived,
            HandoverUs = _firstTokenAt is { } at && !_isReady ? Microseconds(at) : Progress.HandoverUs,
            IsDecoding = true,
        };
        if (_isReady)
        {
            return;
        }

        _isReady = true;
        int received = Math.Min(ready.KvTokensReceived, promptTokenCount);
        Progress = Progress with { KvTokensReceived = received };
        if (!_wasPrefilledRemotely)
        {
            Progress = Progress with { CachedTokenCount = received, QueueUs = _dispatchUs + ready.QueueUs, PrefillUs = ready.PrefillUs };
        }
    }

    public void NoteTokens() => _firstTokenAt ??= time.GetTimestamp();

    public void NoteTakeOver() => Progress = Progress with { TakeOverCount = Progress.TakeOverCount + 1 };

    public void NotePrefillRetry() => Progress = Progress with { PrefillRetryCount = Progress.PrefillRetryCount + 1 };

    private long Microseconds(long since) => (long)time.GetElapsedTime(since).TotalMicroseconds;
}
