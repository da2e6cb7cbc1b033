using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Calibration;

/// <summary>Runs token ids through a model in chunks.</summary>
internal sealed class Prefill(CpuModelRunner runner)
{
    private const int ChunkTokenCount = 512;

    private readonly StepBatch _batch = new() { WantsAllLogits = true };

    public SequenceCache NewCache() => new(
        runner.Codec,
        BlockIdChain.Root("calibration", runner.ModelFingerprint, runner.Codec.Fingerprint),
        runner.ModelFingerprint,
        writerEpoch: 0,
        SlabPool.Shared);

    /// <summary>Appends tokens.</summary>
    /// <exception cref="CalibrationException">The model failed on them.</exception>
    public void Run(SequenceCache cache, ReadOnlySpan<int> tokenIds)
    {
        while (tokenIds.Length > 0)
        {
            int count = Math.Min(ChunkTokenCount, tokenIds.Length);
            Step(cache, tokenIds[..count], wantsLogits: false);
            tokenIds = tokenIds[count..];
        }
    }

    /// <summary>Appends tokens in one step; the batch holds the logits after each of them until the next step.</summary>
    /// <exception cref="CalibrationException">The model failed on them.</exception>
    public StepBatch Step(SequenceCache cache, ReadOnlySpan<int> tokenIds, bool wantsLogits)
    {
        _batch.Clear();
        int entry = _batch.Add(cache, tokenIds, wantsLogits);
        runner.Forward(_batch);
        return _batch.Failure(entry) == StepFailure.None
            ? _batch
            : throw new CalibrationException($"The model failed on the calibration text: {_batch.Failure(entry)}.");
    }
}
