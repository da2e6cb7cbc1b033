namespace Orleans.Concurrency;

/// <summary>Requests of the class interleave at their awaits.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReentrantAttribute : Attribute
{
}
