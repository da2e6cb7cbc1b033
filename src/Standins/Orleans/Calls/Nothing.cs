namespace Orleans.Calls;

/// <summary>The result of calls without one.</summary>
internal readonly struct Nothing
{
}
