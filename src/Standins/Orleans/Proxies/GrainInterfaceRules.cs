using System.Reflection;
using Orleans.Runtime;
using Orleans.Serialization;

namespace Orleans.Proxies;

/// <summary>What the published code generator and serializer would refuse, said when the first reference is made.</summary>
internal static class GrainInterfaceRules
{
    public static MethodInfo[] Check(Type type)
    {
        if (!type.IsInterface || !typeof(IAddressable).IsAssignableFrom(type))
        {
            throw new ArgumentException($"{type} is not a grain interface. Grain interfaces derive from IGrainWithStringKey and its kin.");
        }

        if (type.IsGenericType)
        {
            throw new NotSupportedException($"{type}: generic grain interfaces work on the published packages alone.");
        }

        MethodInfo[] methods = [.. type.GetInterfaces().Prepend(type).SelectMany(static t => t.GetMethods()).Where(static m => !m.IsStatic)];
        foreach (var method in methods)
        {
            CheckMethod(method);
        }

        return methods;
    }

    private static void CheckMethod(MethodInfo method)
    {
        var name = $"{method.DeclaringType}.{method.Name}";
        if (method.IsSpecialName)
        {
            throw new ArgumentException($"{name}: grain interfaces have no properties and events. Make it a method.");
        }

        if (method.IsGenericMethodDefinition)
        {
            throw new NotSupportedException($"{name}: generic grain methods work on the published packages alone.");
        }

        if (!ReturnShape.TryGet(method.ReturnType, out var shape))
        {
            throw new ArgumentException(
                $"{name} returns {method.ReturnType}. Grain methods return Task, Task<T>, ValueTask, ValueTask<T>, IAsyncEnumerable<T> or void.");
        }

        if (shape.Result is { } result && SerializationRules.WhyNot(result) is { } wrongResult)
        {
            throw new ArgumentException($"{name} returns what cannot travel between silos: {wrongResult}");
        }

        var parameters = method.GetParameters();
        if (parameters.Count(static p => p.ParameterType == typeof(CancellationToken)) > 1)
        {
            throw new ArgumentException($"{name} has more than one CancellationToken parameter. Keep one.");
        }

        foreach (var parameter in parameters)
        {
            if (parameter.ParameterType.IsByRef)
            {
                throw new ArgumentException($"{name}: parameter '{parameter.Name}' is ref, in or out. Pass it by value.");
            }

            if (SerializationRules.WhyNot(parameter.ParameterType) is { } wrong)
            {
                throw new ArgumentException($"{name}: parameter '{parameter.Name}' cannot travel between silos: {wrong}");
            }
        }
    }
}
