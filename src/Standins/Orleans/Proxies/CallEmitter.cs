using System.Reflection;
using System.Reflection.Emit;
using Orleans.Calls;

namespace Orleans.Proxies;

/// <summary>Emits the call class of a method: a field an argument, and the call on the grain instance.</summary>
internal static class CallEmitter
{
    public static ConstructorInfo Emit(ModuleBuilder module, MethodInfo method, int index)
    {
        ReturnShape.TryGet(method.ReturnType, out var shape);
        var type = module.DefineType($"Proxies.{method.Name}Call{index}", TypeAttributes.Public | TypeAttributes.Sealed, shape.CallBase);
        Type[] arguments = [.. method.GetParameters().Select(static p => p.ParameterType)];
        FieldBuilder[] fields = [.. arguments.Select((t, i) => type.DefineField($"_argument{i}", t, FieldAttributes.Private))];

        var constructor = type.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, arguments);
        EmitConstructor(constructor.GetILGenerator(), shape.CallBase, fields);
        EmitCall(type, shape.CallBase, method, fields);
        if (Array.IndexOf(arguments, typeof(CancellationToken)) is var token and >= 0)
        {
            EmitToken(type, fields[token]);
        }

        type.CreateType();
        return constructor;
    }

    private static void EmitConstructor(ILGenerator body, Type callBase, FieldBuilder[] fields)
    {
        body.Emit(OpCodes.Ldarg_0);
        body.Emit(OpCodes.Call, callBase.GetConstructor(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, [])!);
        for (var i = 0; i < fields.Length; i++)
        {
            body.Emit(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Ldarg, i + 1);
            body.Emit(OpCodes.Stfld, fields[i]);
        }

        body.Emit(OpCodes.Ret);
    }

    private static void EmitCall(TypeBuilder type, Type callBase, MethodInfo method, FieldBuilder[] fields)
    {
        var body = Override(type, callBase.GetMethod(nameof(ResultCall<>.Call))!);
        body.Emit(OpCodes.Ldarg_1);
        body.Emit(OpCodes.Castclass, method.DeclaringType!);
        foreach (var field in fields)
        {
            body.Emit(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Ldfld, field);
        }

        body.Emit(OpCodes.Callvirt, method);
        if (method.ReturnType == typeof(void))
        {
            body.Emit(OpCodes.Call, typeof(Task).GetProperty(nameof(Task.CompletedTask))!.GetMethod!);
        }
        else if (method.ReturnType.IsValueType)
        {
            var local = body.DeclareLocal(method.ReturnType);
            body.Emit(OpCodes.Stloc, local);
            body.Emit(OpCodes.Ldloca, local);
            body.Emit(OpCodes.Call, method.ReturnType.GetMethod(nameof(ValueTask.AsTask))!);
        }

        body.Emit(OpCodes.Ret);
    }

    private static void EmitToken(TypeBuilder type, FieldBuilder field)
    {
        var token = typeof(GrainCall).GetProperty(nameof(GrainCall.Token))!;
        var get = Override(type, token.GetMethod!);
        get.Emit(OpCodes.Ldarg_0);
        get.Emit(OpCodes.Ldfld, field);
        get.Emit(OpCodes.Ret);

        var set = Override(type, token.SetMethod!);
        set.Emit(OpCodes.Ldarg_0);
        set.Emit(OpCodes.Ldarg_1);
        set.Emit(OpCodes.Stfld, field);
        set.Emit(OpCodes.Ret);
    }

    private static ILGenerator Override(TypeBuilder type, MethodInfo method) => type.DefineMethod(
        method.Name,
        (method.Attributes & ~(MethodAttributes.Abstract | MethodAttributes.NewSlot)) | MethodAttributes.Virtual,
        method.ReturnType,
        [.. method.GetParameters().Select(static p => p.ParameterType)]).GetILGenerator();
}
