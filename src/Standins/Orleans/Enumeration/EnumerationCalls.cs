using Orleans.Calls;
using Orleans.Proxies;

namespace Orleans.Enumeration;

/// <summary>The arguments of a call whose result is an enumeration. It is not sent itself: the first poll carries it.</summary>
internal abstract class EnumerableCall<T> : GrainCall
{
    /// <summary>Calls the method on the instance.</summary>
    public abstract IAsyncEnumerable<T> Call(object grain);

    public override void Run() => throw new NotSupportedException();

    public override void Fail(Exception exception) => throw new NotSupportedException();
}

/// <summary>Asks an activation for the next items. Always interleaves, and is as slow as the items are.</summary>
internal sealed class PollCall<T>(Guid id, EnumerableCall<T>? start, int maxBatchSize) : ResultCall<Page<T>>
{
    public static readonly GrainMethod Traits = new(typeof(Enumerations).GetMethod(nameof(Enumerations.PollAsync))!, Timeout.InfiniteTimeSpan);

    public override Task Call(object grain) => Activation!.Enumerations.PollAsync(id, start, maxBatchSize);
}

/// <summary>Tells an activation that an enumeration is over: its token is cancelled and its finally blocks run.</summary>
internal sealed class EndCall(Guid id) : ResultCall<Nothing>
{
    public static readonly GrainMethod Traits = new(typeof(Enumerations).GetMethod(nameof(Enumerations.EndAsync))!, null);

    public override Task Call(object grain) => Activation!.Enumerations.EndAsync(id);
}
