namespace Orleans.Calls;

/// <summary>Whether calls carry the caller's activity.</summary>
internal sealed class ActivityPropagation
{
    public bool IsOn { get; set; }
}
