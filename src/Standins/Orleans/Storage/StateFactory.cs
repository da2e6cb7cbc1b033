using System.Runtime.CompilerServices;

namespace Orleans.Storage;

/// <summary>The state of a record that does not exist.</summary>
internal static class StateFactory
{
    public static T New<T>()
    {
        if (typeof(T).IsValueType || typeof(T) == typeof(string) || typeof(T).IsArray)
        {
            return default!;
        }

        return typeof(T).GetConstructor(Type.EmptyTypes) is not null
            ? Activator.CreateInstance<T>()
            : (T)RuntimeHelpers.GetUninitializedObject(typeof(T));
    }
}
