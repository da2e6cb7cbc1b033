using System.Reflection;

namespace Orleans.Serialization;

/// <summary>A field, or the property behind one, of a type with <see cref="GenerateSerializerAttribute"/>.</summary>
/// <param name="Name">The field's or the property's name.</param>
/// <param name="Type">What it holds.</param>
/// <param name="Travels">Whether the published serializer carries it.</param>
internal readonly record struct SerializedMember(string Name, Type Type, bool Travels)
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The members declared by the type itself, but for those marked <see cref="NonSerializedAttribute"/>.</summary>
    public static IEnumerable<SerializedMember> Of(Type type)
    {
        var attribute = type.GetCustomAttribute<GenerateSerializerAttribute>()!;
        var parameters = PrimaryParameters(type, attribute);
        var properties = type.GetProperties(Declared).DistinctBy(static p => p.Name).ToDictionary(static p => p.Name);
        foreach (var field in type.GetFields(Declared).Where(static field => !field.IsDefined(typeof(NonSerializedAttribute))))
        {
            var name = field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>')] : field.Name;
            var property = properties.GetValueOrDefault(name);
            var travels = field.IsDefined(typeof(IdAttribute)) || property?.IsDefined(typeof(IdAttribute)) is true
                || parameters.Contains(name)
                || (attribute.GenerateFieldIds is GenerateFieldIds.PublicProperties && property?.GetMethod?.IsPublic is true);
            yield return new SerializedMember(name, field.FieldType, travels);
        }
    }

    /// <summary>Records carry the parameters of their primary constructor without being told, other types when they say so.</summary>
    private static HashSet<string> PrimaryParameters(Type type, GenerateSerializerAttribute attribute)
    {
        var isRecord = type.GetMethod("<Clone>$") is not null || type.GetMethod("PrintMembers", Declared) is not null;
        return isRecord || attribute.IncludePrimaryConstructorParameters
            ? [.. type.GetConstructors(Declared).SelectMany(static c => c.GetParameters()).Select(static p => p.Name!)]
            : [];
    }
}
