using System.Collections.Concurrent;

namespace Orleans.Serialization;

/// <summary>
/// What the published serializer carries. The stand-in hands arguments over as they are, where the published build copies or
/// serializes them: so argument types should not change once passed, and what the published build would refuse, or silently leave
/// behind, is refused here.
/// </summary>
internal static class SerializationRules
{
    private static readonly ConcurrentDictionary<Type, string?> Known = new();

    /// <summary>Null when the type can travel, else what is wrong and what to do.</summary>
    public static string? WhyNot(Type type)
    {
        if (Known.TryGetValue(type, out var known))
        {
            return known;
        }

        // Without a verdict of its own while it is being looked into, so that types may contain themselves.
        var reason = Examine(type, []);
        return Known.GetOrAdd(type, reason);
    }

    private static string? Examine(Type type, HashSet<Type> open)
    {
        if (!open.Add(type) || WellKnownTypes.IsPlain(type))
        {
            return null;
        }

        if (type.IsPointer || type.IsByRefLike)
        {
            return $"{type} lives on the stack.";
        }

        if (type.IsArray)
        {
            return Examine(type.GetElementType()!, open);
        }

        if (type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false))
        {
            return Arguments(type, open) ?? Members(type, open);
        }

        if (type.IsGenericType && WellKnownTypes.IsContainer(type.GetGenericTypeDefinition()))
        {
            return Arguments(type, open);
        }

        return type.IsInterface
            ? $"{type} is an interface that is no grain interface. Use a class with [GenerateSerializer]."
            : $"{type} lacks [GenerateSerializer], and [Id(n)] on its members.";
    }

    private static string? Arguments(Type type, HashSet<Type> open) =>
        type.GetGenericArguments().Select(argument => Examine(argument, open)).FirstOrDefault(static reason => reason is not null);

    private static string? Members(Type type, HashSet<Type> open)
    {
        if (type.IsEnum)
        {
            return null;
        }

        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && Examine(parent, open) is { } wrong)
        {
            return $"the base of {type} cannot: {wrong}";
        }

        foreach (var member in SerializedMember.Of(type))
        {
            if (!member.Travels)
            {
                return $"member {member.Name} of {type} has no [Id(n)], so it would be left behind. Give it one, or mark it [NonSerialized].";
            }

            if (Examine(member.Type, open) is { } reason)
            {
                return $"member {member.Name} of {type} cannot: {reason}";
            }
        }

        return null;
    }
}
