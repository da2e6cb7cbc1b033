namespace Orleans;

/// <summary>The type may travel in grain calls and grain state.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Enum)]
public sealed class GenerateSerializerAttribute : Attribute
{
    /// <summary>Which members without <see cref="IdAttribute"/> travel as well.</summary>
    public GenerateFieldIds GenerateFieldIds { get; init; }

    /// <summary>Whether parameters of the primary constructor travel; by default those of records do.</summary>
    public bool IncludePrimaryConstructorParameters { get; init; }
}
