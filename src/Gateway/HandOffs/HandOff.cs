using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Gateway.HandOffs;

/// <summary>The hand-over of one prompt to its first decode worker: which way, and how long it takes.</summary>
/// <param name="chooser">Told at the end.</param>
/// <param name="time">Measures.</param>
/// <param name="what">What it is compared with.</param>
/// <param name="way">As chosen.</param>
/// <param name="id">Of a direct one; null through the store.</param>
/// <param name="decodeAddress">The decode worker.</param>
internal sealed class HandOff(HandOffChooser chooser, TimeProvider time, HandOffClass what, HandOffWay way, BlockId? id, string decodeAddress)
{
    private long? _prefilledAt;
    private DecodeReady? _ready;
    private bool _isNoted;

    public HandOffClass Class => what;

    public HandOffWay Way => way;

    /// <summary>Under which both workers know a direct one; null through the store.</summary>
    public BlockId? Id => id;

    public string DecodeAddress => decodeAddress;

    /// <summary>The first token came from the prefill worker.</summary>
    public void NotePrefilled() => _prefilledAt ??= time.GetTimestamp();

    public void NoteReady(DecodeReady ready) => _ready = ready;

    /// <summary>The decode worker's tokens begin.</summary>
    public void NoteDecoded()
    {
        if (!_isNoted && _prefilledAt is { } at && _ready is { } ready)
        {
            _isNoted = true;
            chooser.Note(this, time.GetElapsedTime(at), ready.KvBytesReceived, ready.DirectKvBytesReceived);
        }
    }
}
