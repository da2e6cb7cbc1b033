using Orleans.Calls;
using Orleans.Proxies;

namespace Orleans.Enumeration;

/// <summary>Asks an activation for the next items. Always interleaves, and is as slow as the items are.</summary>
internal sealed class PollCall<T>(Guid id, EnumerableCall<T>? start, int maxBatchSize) : ResultCall<Page<T>>
{
    public static readonly GrainMethod Traits = new(typeof(Enumerations).GetMethod(nameof(Enumerations.PollAsync))!, Timeout.InfiniteTimeSpan);

    public override Task Call(object grain) => Activation!.Enumerations.PollAsync(id, start, maxBatchSize);
}
