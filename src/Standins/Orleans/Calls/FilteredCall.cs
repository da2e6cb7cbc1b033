using System.Reflection;
using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Calls;

/// <summary>Runs the filters around a call, then the call.</summary>
internal sealed class FilteredCall<T>(ResultCall<T> call, Activation activation, IIncomingGrainCallFilter[] filters)
    : IIncomingGrainCallContext
{
    private int _next;
    private T _result = default!;

    public object Grain => activation.GrainInstance!;

    public GrainId? SourceId => call.Source;

    public GrainId TargetId => activation.GrainId;

    public IGrainContext TargetContext => activation;

    public string InterfaceName => call.Method.Info.DeclaringType!.FullName!;

    public string MethodName => call.Method.Info.Name;

    public MethodInfo InterfaceMethod => call.Method.Info;

    public MethodInfo ImplementationMethod
    {
        get
        {
            var map = Grain.GetType().GetInterfaceMap(InterfaceMethod.DeclaringType!);
            return map.TargetMethods[Array.IndexOf(map.InterfaceMethods, InterfaceMethod)];
        }
    }

    public object? Result
    {
        get => typeof(T) == typeof(Nothing) ? null : _result;
        set => _result = typeof(T) == typeof(Nothing) ? default! : (T)value!;
    }

    public async Task<T> RunAsync()
    {
        await Invoke();
        return _result;
    }

    public async Task Invoke()
    {
        var index = _next++;
        if (index < filters.Length)
        {
            await filters[index].Invoke(this);
        }
        else
        {
            var task = call.Call(Grain);
            await task;
            _result = ResultCall<T>.ValueOf(task);
        }
    }
}
