using Orleans.Calls;
using Orleans.Enumeration;

namespace Orleans.Proxies;

/// <summary>The kind of a grain method's result.</summary>
/// <param name="Send">The method of <see cref="GrainProxy"/> that sends such calls.</param>
/// <param name="CallBase">The base class of the emitted call.</param>
/// <param name="Result">What the caller gets in the end; null for nothing.</param>
internal readonly record struct ReturnShape(string Send, Type CallBase, Type? Result)
{
    public static bool TryGet(Type type, out ReturnShape shape)
    {
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        var result = type.IsGenericType ? type.GetGenericArguments()[0] : null;
        shape = definition switch
        {
            _ when definition == typeof(void) => Plain(nameof(GrainProxy.SendVoid)),
            _ when definition == typeof(Task) => Plain(nameof(GrainProxy.Send)),
            _ when definition == typeof(ValueTask) => Plain(nameof(GrainProxy.SendVoidValue)),
            _ when definition == typeof(Task<>) => Typed(nameof(GrainProxy.Send), typeof(ResultCall<>)),
            _ when definition == typeof(ValueTask<>) => Typed(nameof(GrainProxy.SendValue), typeof(ResultCall<>)),
            _ when definition == typeof(IAsyncEnumerable<>) => Typed(nameof(GrainProxy.Enumerate), typeof(EnumerableCall<>)),
            _ => default,
        };
        return shape.Send is not null;

        static ReturnShape Plain(string send) => new(send, typeof(ResultCall<Nothing>), null);

        ReturnShape Typed(string send, Type callBase) => new(send, callBase.MakeGenericType(result!), result);
    }
}
