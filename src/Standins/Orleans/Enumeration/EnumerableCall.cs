using Orleans.Calls;

namespace Orleans.Enumeration;

/// <summary>The arguments of a call whose result is an enumeration. It is not sent itself: the first poll carries it.</summary>
internal abstract class EnumerableCall<T> : GrainCall
{
    /// <summary>Calls the method on the instance.</summary>
    public abstract IAsyncEnumerable<T> Call(object grain);

    public override void Run() => throw new NotSupportedException();

    public override void Fail(Exception exception) => throw new NotSupportedException();
}
