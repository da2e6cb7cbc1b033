namespace Orleans.Concurrency;

/// <summary>The caller does not wait: its task completes when the call is sent, and exceptions are only logged.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OneWayAttribute : Attribute
{
}
