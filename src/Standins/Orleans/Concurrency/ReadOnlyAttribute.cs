namespace Orleans.Concurrency;

/// <summary>Calls of the method run beside other read-only calls.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ReadOnlyAttribute : Attribute
{
}
