using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;

namespace KvCluster.Workers;

/// <summary>A Sequence in the hands of an <see cref="EngineLoop{TSequence}"/>.</summary>
internal interface IEngineSequence
{
    public bool IsCancelled { get; }

    public SequenceCache Cache { get; }

    public Generation Generation { get; }

    /// <summary>Tokens whose KV is not there yet.</summary>
    public int PendingTokenCount { get; }

    /// <summary>Asks the loop to let go of it before its next step. From any thread.</summary>
    public void Cancel();

    /// <summary>Ends it and gives back all it holds; without a failure it was done or cancelled.</summary>
    public void Release(SequenceFailedException? failure = null);

    /// <summary>Ends its call, and leaves all it holds as it is: a step that hangs may still write to it. From any thread.</summary>
    public void Abandon(SequenceFailedException failure);
}
