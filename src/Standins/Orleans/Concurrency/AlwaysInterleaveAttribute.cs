namespace Orleans.Concurrency;

/// <summary>Calls of the method start at once, whatever else the activation is in the middle of.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AlwaysInterleaveAttribute : Attribute
{
}
