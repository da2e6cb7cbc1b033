using System.Numerics;
using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.HandOffs;

/// <summary>Hand-overs that are compared with each other: of one model and codec, of similar size.</summary>
/// <param name="Identity">Model and codec.</param>
/// <param name="Magnitude">Logarithm of the computed prompt tokens to base 4, rounded down.</param>
internal readonly record struct HandOffClass(KvIdentity Identity, int Magnitude)
{
    public int MinTokenCount => 1 << (2 * Magnitude);

    public static HandOffClass Of(KvIdentity identity, int computedTokenCount) =>
        new(identity, BitOperations.Log2((uint)Math.Max(1, computedTokenCount)) / 2);
}

/// <summary>A way, and whether it was taken to measure it rather than because it is the faster one.</summary>
internal readonly record struct HandOffChoice(HandOffWay Way, bool IsTrial);

/// <summary>How one way did lately.</summary>
/// <param name="Class">For which prompts.</param>
/// <param name="Way">Which way.</param>
/// <param name="Count">Hand-overs that count.</param>
/// <param name="MedianTime">From the end of prefill to the first decoded token; zero without any.</param>
/// <param name="MedianBytes">Slabs that the decode worker took in.</param>
internal sealed record HandOffStanding(HandOffClass Class, HandOffWay Way, int Count, TimeSpan MedianTime, long MedianBytes);
