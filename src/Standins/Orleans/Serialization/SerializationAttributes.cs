using System.Globalization;

namespace Orleans;

/// <summary>A name that stays when the type or method is renamed.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum | AttributeTargets.Method
    | AttributeTargets.Interface, AllowMultiple = true)]
public sealed class AliasAttribute : Attribute
{
    public AliasAttribute(string alias) => Alias = alias;

    public string Alias { get; }
}

/// <summary>The type may travel in grain calls and grain state.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum)]
public sealed class GenerateSerializerAttribute : Attribute
{
    /// <summary>Which members without <see cref="IdAttribute"/> travel as well.</summary>
    public GenerateFieldIds GenerateFieldIds { get; init; }

    /// <summary>Whether parameters of the primary constructor travel; by default those of records do.</summary>
    public bool IncludePrimaryConstructorParameters { get; init; }
}

/// <summary>Members that need no <see cref="IdAttribute"/>.</summary>
public enum GenerateFieldIds
{
    None = 0,
    PublicProperties = 1,
}

/// <summary>The number of a member in the serialized form.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum | AttributeTargets.Method
    | AttributeTargets.Property | AttributeTargets.Field)]
public sealed class IdAttribute : Attribute
{
    public IdAttribute(uint id) => Id = id;

    public uint Id { get; }
}

/// <summary>The type or value never changes, so it is handed over without a copy.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Property | AttributeTargets.Field
    | AttributeTargets.Parameter | AttributeTargets.ReturnValue, Inherited = false)]
public sealed class ImmutableAttribute : Attribute
{
}

/// <summary>Replaces <see cref="Configuration.MessagingOptions.ResponseTimeout"/> for calls of the method.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ResponseTimeoutAttribute : Attribute
{
    /// <param name="timeout">As <see cref="TimeSpan.Parse(string)"/> reads it.</param>
    public ResponseTimeoutAttribute(string timeout) => Timeout = TimeSpan.Parse(timeout, CultureInfo.InvariantCulture);

    public TimeSpan? Timeout { get; init; }
}
