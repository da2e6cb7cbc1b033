using Orleans.Activations;
using Orleans.Proxies;
using Orleans.Runtime;

namespace Orleans.Calls;

/// <summary>A request on its way to, waiting for, or running on an activation.</summary>
internal abstract class GrainCall : Turn
{
    protected GrainCall() => Node = new(this);

    /// <summary>Its place in the waiting or the running list of the activation.</summary>
    public LinkedListNode<GrainCall> Node { get; }

    /// <summary>The activation that took it; null while it is on its way.</summary>
    public Activation? Activation { get; set; }

    public GrainReference Target { get; set; } = null!;

    public GrainMethod Method { get; set; } = null!;

    public GrainId? Source { get; protected set; }

    /// <summary>Timestamp of the silo's clock after which the caller is told that it was too slow.</summary>
    public long Deadline { get; set; } = long.MaxValue;

    /// <summary>How many activations ended before they got to it.</summary>
    public int ForwardCount { get; set; }

    public virtual bool IsAlwaysInterleave => Method.IsAlwaysInterleave;

    public virtual bool IsReadOnly => Method.IsReadOnly;

    /// <summary>Whether it counts as activity against idle collection.</summary>
    public virtual bool KeepsActive => true;

    /// <summary>The call's CancellationToken argument; unused by calls without one.</summary>
    public virtual CancellationToken Token
    {
        get => CancellationToken.None;
        set { }
    }

    /// <summary>Ends the call at the caller's side, whatever the grain does. No effect when it has ended.</summary>
    public abstract void Fail(Exception exception);

    public override string ToString() => $"{Method} on {Target.GrainId}";
}
