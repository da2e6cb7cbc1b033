namespace KvCluster.Inference.Engine;

/// <summary>What may help a Sequence that failed.</summary>
public enum SequenceFailureKind
{
    /// <summary>Nothing that is known here.</summary>
    Fault,

    /// <summary>The device had no memory for it: the same, later or elsewhere.</summary>
    OutOfDeviceMemory,

    /// <summary>Another worker: this one goes away.</summary>
    WorkerGone,
}
