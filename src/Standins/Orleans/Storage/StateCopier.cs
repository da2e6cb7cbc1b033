using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>
/// Copies an object graph field by field, keeping shared and cyclic references. What cannot change is not copied: strings,
/// references to grains, types and delegates, comparers, and what is marked <see cref="ImmutableAttribute"/>.
/// </summary>
internal static class StateCopier
{
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();
    private static readonly MethodInfo Clone =
        typeof(object).GetMethod(nameof(MemberwiseClone), BindingFlags.Instance | BindingFlags.NonPublic)!;

    public static object? Copy(object? value) => Copy(value, new Dictionary<object, object>(ReferenceEqualityComparer.Instance));

    private static object? Copy(object? value, Dictionary<object, object> seen)
    {
        if (value is null || IsFixed(value.GetType()))
        {
            return value;
        }

        if (seen.TryGetValue(value, out var known))
        {
            return known;
        }

        var copy = Clone.Invoke(value, null)!;
        seen.Add(value, copy);
        if (copy is Array array)
        {
            CopyElements(array, seen);
            return copy;
        }

        foreach (var field in FieldsOf(copy.GetType()))
        {
            field.SetValue(copy, Copy(field.GetValue(copy), seen));
        }

        return copy;
    }

    private static void CopyElements(Array array, Dictionary<object, object> seen)
    {
        if (IsFixed(array.GetType().GetElementType()!))
        {
            return;
        }

        var indices = new int[array.Rank];
        for (var i = 0L; i < array.LongLength; i++)
        {
            var rest = i;
            for (var dimension = array.Rank - 1; dimension >= 0; dimension--)
            {
                var length = array.GetLength(dimension);
                indices[dimension] = array.GetLowerBound(dimension) + (int)(rest % length);
                rest /= length;
            }

            array.SetValue(Copy(array.GetValue(indices), seen), indices);
        }
    }

    private static FieldInfo[] FieldsOf(Type type) => Fields.GetOrAdd(type, static type =>
    {
        var fields = new List<FieldInfo>();
        for (var current = type; current is not null && current != typeof(object); current = current.BaseType)
        {
            fields.AddRange(current.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        }

        return [.. fields.Where(static field => !IsFixed(field.FieldType))];
    });

    private static bool IsFixed(Type type) => type.IsPrimitive || type.IsEnum || type.IsPointer || type == typeof(string)
        || type == typeof(decimal) || type == typeof(DateTime) || type == typeof(Guid)
        || typeof(Delegate).IsAssignableFrom(type) || typeof(MemberInfo).IsAssignableFrom(type)
        || typeof(GrainReference).IsAssignableFrom(type) || type.IsDefined(typeof(ImmutableAttribute), inherit: false)
        || type.GetInterfaces().Any(static i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEqualityComparer<>));
}
