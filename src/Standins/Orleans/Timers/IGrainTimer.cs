using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>A timer of an activation. Disposing it cancels the token of a running tick.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Sets the next tick and the period anew; during a tick it takes effect when the tick ends.</summary>
    public void Change(TimeSpan dueTime, TimeSpan period);
}

/// <summary>When a grain timer ticks and how its ticks mix with requests.</summary>
public readonly struct GrainTimerCreationOptions
{
    public GrainTimerCreationOptions()
    {
    }

    [SetsRequiredMembers]
    public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period)
    {
        DueTime = dueTime;
        Period = period;
    }

    /// <summary>Time to the first tick; <see cref="Timeout.InfiniteTimeSpan"/> for none.</summary>
    public required TimeSpan DueTime { get; init; }

    /// <summary>Time from the end of a tick to the next; <see cref="Timeout.InfiniteTimeSpan"/> for a single tick.</summary>
    public required TimeSpan Period { get; init; }

    /// <summary>Whether ticks interleave with requests at awaits; by default a tick waits its turn like a request.</summary>
    public bool Interleave { get; init; }

    /// <summary>Whether ticks count as activity against idle collection; by default not.</summary>
    public bool KeepAlive { get; init; }
}
