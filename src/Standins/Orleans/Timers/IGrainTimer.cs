namespace Orleans.Runtime;

/// <summary>A timer of an activation. Disposing it cancels the token of a running tick.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Sets the next tick and the period anew; during a tick it takes effect when the tick ends.</summary>
    public void Change(TimeSpan dueTime, TimeSpan period);
}
