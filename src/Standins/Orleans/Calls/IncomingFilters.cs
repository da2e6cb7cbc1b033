namespace Orleans.Calls;

internal sealed class DelegateFilter(IncomingGrainCallFilterDelegate filter) : IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context) => filter(context);
}

/// <summary>Whether calls carry the caller's activity.</summary>
internal sealed class ActivityPropagation
{
    public bool IsOn { get; set; }
}
