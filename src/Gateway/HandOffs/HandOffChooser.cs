using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Metrics;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.HandOffs;

/// <summary>Chooses the way of each prompt as configured, and measures both ways whether or not there is a choice.</summary>
internal sealed class HandOffChooser
{
    private readonly HandOffMode _mode;
    private readonly HandOffPolicy _policy;
    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;

    public HandOffChooser(GatewayOptions options, HandOffPolicy policy, GatewayMetrics metrics, TimeProvider time)
    {
        (_mode, _policy, _metrics, _time) = (options.HandOff, policy, metrics, time);
        metrics.ObserveHandOffs(() => policy.Standings().Where(standing => standing.Count > 0).Select(
            standing => new Measurement<double>(standing.MedianTime.TotalSeconds, WayTag(standing.Way), MinTokensTag(standing.Class))));
    }

    /// <summary>Begins the hand-over of one prompt.</summary>
    /// <param name="identity">Model and codec.</param>
    /// <param name="computedTokenCount">Prompt tokens that are not cached.</param>
    /// <param name="decodeAddress">The decode worker.</param>
    public HandOff Begin(KvIdentity identity, int computedTokenCount, string decodeAddress)
    {
        var what = HandOffClass.Of(identity, computedTokenCount);
        HandOffChoice choice = _mode == HandOffMode.Auto
            ? _policy.Choose(what)
            : new HandOffChoice(_mode == HandOffMode.Direct ? HandOffWay.Direct : HandOffWay.Store, IsTrial: false);
        _metrics.HandOffs.Add(1, WayTag(choice.Way), new KeyValuePair<string, object?>("choice", ChoiceName(choice)));
        BlockId? id = choice.Way == HandOffWay.Direct ? BlockId.Read(RandomNumberGenerator.GetBytes(BlockId.SizeBytes)) : null;
        return new HandOff(this, _time, what, choice.Way, id, decodeAddress);
    }

    /// <summary>A prompt was handed over.</summary>
    /// <param name="handOff">The prompt and the way that was chosen for it.</param>
    /// <param name="elapsed">From the end of prefill to the first decoded token.</param>
    /// <param name="receivedBytes">Slabs that the decode worker took in.</param>
    /// <param name="directBytes">Those of them that came straight from the prefill worker.</param>
    public void Note(HandOff handOff, TimeSpan elapsed, long receivedBytes, long directBytes)
    {
        _policy.Add(handOff.Class, handOff.Way, elapsed, receivedBytes);
        _metrics.HandOffTime.Record(elapsed.TotalSeconds, WayTag(handOff.Way));
        _metrics.HandOffBytes.Add(directBytes, WayTag(HandOffWay.Direct));
        _metrics.HandOffBytes.Add(receivedBytes - directBytes, WayTag(HandOffWay.Store));
    }

    private string ChoiceName(HandOffChoice choice) => _mode != HandOffMode.Auto ? "configured" : choice.IsTrial ? "trial" : "faster";

    private static KeyValuePair<string, object?> WayTag(HandOffWay way) => new("way", way == HandOffWay.Direct ? "direct" : "store");

    private static KeyValuePair<string, object?> MinTokensTag(HandOffClass what) => new("min_tokens", what.MinTokenCount);
}
