using System.Linq.Expressions;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Orleans.Activations;
using Orleans.Calls;
using Orleans.Runtime;

namespace Orleans.Proxies;

/// <summary>
/// Emits, for a grain interface, a class that implements it and a call class a method: <c>Foo(a, b)</c> becomes
/// <c>Send(new FooCall(a, b), index)</c>, so a call costs no reflection and boxes nothing.
/// </summary>
internal static class ProxyEmitter
{
    private static readonly Type[] ProxyArguments = [typeof(Silo), typeof(GrainId), typeof(GrainInterface)];

    public static Func<Silo, GrainId, GrainInterface, GrainReference> Emit(Type type, MethodInfo[] methods)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName($"Proxies.{type.FullName}"), AssemblyBuilderAccess.Run);
        OpenInternals(assembly, type, methods);
        var module = assembly.DefineDynamicModule("Proxies");
        var proxy = module.DefineType($"Proxies.{type.Name}", TypeAttributes.Public | TypeAttributes.Sealed, typeof(GrainProxy), [type]);
        EmitConstructor(proxy);
        for (var index = 0; index < methods.Length; index++)
        {
            EmitMethod(proxy, CallEmitter.Emit(module, methods[index], index), methods[index], index);
        }

        var constructor = proxy.CreateType().GetConstructor(ProxyArguments)!;
        ParameterExpression[] parameters = [.. ProxyArguments.Select(Expression.Parameter)];
        return Expression.Lambda<Func<Silo, GrainId, GrainInterface, GrainReference>>(
            Expression.New(constructor, parameters.Cast<Expression>()), parameters).Compile();
    }

    private static void EmitConstructor(TypeBuilder proxy)
    {
        var body = proxy.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, ProxyArguments).GetILGenerator();
        for (var argument = 0; argument <= ProxyArguments.Length; argument++)
        {
            body.Emit(OpCodes.Ldarg, argument);
        }

        body.Emit(OpCodes.Call, typeof(GrainProxy).GetConstructor(BindingFlags.Instance | BindingFlags.NonPublic, ProxyArguments)!);
        body.Emit(OpCodes.Ret);
    }

    private static void EmitMethod(TypeBuilder proxy, ConstructorInfo call, MethodInfo method, int index)
    {
        Type[] arguments = [.. method.GetParameters().Select(static p => p.ParameterType)];
        var implementation = proxy.DefineMethod(
            $"{method.DeclaringType!.FullName}.{method.Name}",
            MethodAttributes.Private | MethodAttributes.Virtual | MethodAttributes.Final | MethodAttributes.HideBySig | MethodAttributes.NewSlot,
            method.ReturnType,
            arguments);
        var body = implementation.GetILGenerator();
        for (var argument = 0; argument <= arguments.Length; argument++)
        {
            body.Emit(OpCodes.Ldarg, argument);
        }

        ReturnShape.TryGet(method.ReturnType, out var shape);
        var send = typeof(GrainProxy).GetMethod(shape.Send)!;
        body.Emit(OpCodes.Newobj, call);
        body.Emit(OpCodes.Ldc_I4, index);
        body.Emit(OpCodes.Call, send.IsGenericMethodDefinition ? send.MakeGenericMethod(shape.Result ?? typeof(Nothing)) : send);
        body.Emit(OpCodes.Ret);
        proxy.DefineMethodOverride(implementation, method);
    }

    /// <summary>Grain interfaces and their arguments may be internal to their assembly, as the classes emitted from are to this one.</summary>
    private static void OpenInternals(AssemblyBuilder assembly, Type type, MethodInfo[] methods)
    {
        var open = typeof(IgnoresAccessChecksToAttribute).GetConstructor([typeof(string)])!;
        var types = methods.SelectMany(static m => m.GetParameters().Select(static p => p.ParameterType).Append(m.ReturnType))
            .SelectMany(WithArguments).Append(type).Append(typeof(GrainProxy));
        foreach (var name in types.Select(static t => t.Assembly.GetName().Name!).Distinct())
        {
            assembly.SetCustomAttribute(new CustomAttributeBuilder(open, [name]));
        }
    }

    private static IEnumerable<Type> WithArguments(Type type)
    {
        var inner = type.HasElementType ? [type.GetElementType()!] : type.GetGenericArguments();
        return inner.SelectMany(WithArguments).Append(type);
    }
}
