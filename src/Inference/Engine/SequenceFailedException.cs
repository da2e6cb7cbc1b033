using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Engine;

/// <summary>The engine could not go on with a Sequence. The message says why; others are not touched.</summary>
public sealed class SequenceFailedException : Exception
{
    public SequenceFailedException()
    {
    }

    public SequenceFailedException(string message)
        : base(message)
    {
    }

    public SequenceFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    private SequenceFailedException(SequenceFailureKind kind, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Kind = kind;
    }

    /// <summary>What may help.</summary>
    public SequenceFailureKind Kind { get; }

    /// <summary>The worker ends, whatever becomes of its Sequences.</summary>
    public static SequenceFailedException Gone(string message) => new(SequenceFailureKind.WorkerGone, message);

    /// <summary>What went wrong with an entry of the last step.</summary>
    public static SequenceFailedException Of(StepBatch batch, int entry) => new(
        batch.Failure(entry) == StepFailure.OutOfDeviceMemory ? SequenceFailureKind.OutOfDeviceMemory : SequenceFailureKind.Fault, batch.Failure(entry) switch
        {
            StepFailure.InvalidTokenId => "A token id is not in the model's vocabulary.",
            StepFailure.ContextExceeded => "The sequence is longer than the model's context.",
            StepFailure.ForeignCache => "The KV cache is of another codec or shape than the model runner's.",
            StepFailure.NonFiniteKeyValue when batch.FailurePlace(entry) is var (layer, position) =>
                $"K or V of layer {layer}, position {position} left the range of 16-bit floats: the model's weights are broken or do not suit this backend.",
            StepFailure.OutOfDeviceMemory => "The device's memory holds no more KV blocks; try again when other sequences have ended.",
            StepFailure.NonFiniteLogits => "Logits are not finite: the model's weights are broken.",
            var failure => $"The forward pass failed: {failure}.",
        });

    public static SequenceFailedException Of(SampleStatus status) => new(status switch
    {
        SampleStatus.NoCandidate => "No token is possible: every logit is negative infinity.",
        _ => "Logits are not finite: the model's weights are broken.",
    });

    public static SequenceFailedException Of(Exception stepError) => stepError switch
    {
        _ when DeviceLostException.Of(stepError) is { } lost => new(SequenceFailureKind.WorkerGone, lost.Message, lost),
        CudaException { IsOutOfMemory: true } => new(
            SequenceFailureKind.OutOfDeviceMemory, $"The device's memory was too full for a step; try again when other sequences have ended ({stepError.Message})", stepError),
        _ => new($"The engine's step failed ({stepError.GetType().Name}: {stepError.Message}); see the worker's log.", stepError),
    };
}
