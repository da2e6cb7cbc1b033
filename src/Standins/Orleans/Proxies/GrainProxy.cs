using Orleans.Activations;
using Orleans.Calls;
using Orleans.Enumeration;
using Orleans.Runtime;

namespace Orleans.Proxies;

/// <summary>Base of the emitted classes that implement grain interfaces. Their methods end in one of these.</summary>
internal abstract class GrainProxy(Silo silo, GrainId grainId, GrainInterface grainInterface)
    : GrainReference(silo, grainId, grainInterface)
{
    public Task<T> Send<T>(ResultCall<T> call, int method)
    {
        call.Dispatch(this, Interface.Methods[method]);
        return call.Result;
    }

    public ValueTask<T> SendValue<T>(ResultCall<T> call, int method) => new(Send(call, method));

    public ValueTask SendVoidValue(ResultCall<Nothing> call, int method) => new(Send(call, method));

    public void SendVoid(ResultCall<Nothing> call, int method) => _ = Send(call, method);

    public IAsyncEnumerable<T> Enumerate<T>(EnumerableCall<T> call, int method)
    {
        call.Method = Interface.Methods[method];
        return new GrainEnumerable<T>(this, call);
    }
}
