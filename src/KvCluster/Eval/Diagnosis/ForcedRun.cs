using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>A prompt and its reference answer through a model in this process, teacher-forced.</summary>
internal sealed class ForcedRun : IDisposable
{
    private const int ChunkTokenCount = 512;
    private readonly IModelRunner _runner;
    private readonly StepBatch _batch = new();

    public ForcedRun(IModelRunner runner)
    {
        _runner = runner;
        Cache = new SequenceCache(
            runner.Codec,
            BlockIdChain.Root("eval", runner.ModelFingerprint, runner.Codec.Fingerprint),
            runner.ModelFingerprint,
            writerEpoch: 0,
            SlabPool.Shared);
    }

    public SequenceCache Cache { get; }

    /// <summary>Computes all tokens of the prompt but its last.</summary>
    public void Prefill(ReadOnlySpan<int> prompt)
    {
        _batch.WantsAllLogits = false;
        for (ReadOnlySpan<int> rest = prompt[..^1]; rest.Length > 0;)
        {
            int count = Math.Min(ChunkTokenCount, rest.Length);
            Forward(rest[..count], wantsLogits: false);
            rest = rest[count..];
        }
    }

    /// <summary>Computes the prompt's last token and the reference but its last token, in one step.</summary>
    /// <returns>One row a token of the reference: the logits before it.</returns>
    public float[][] Force(int lastOfPrompt, ReadOnlySpan<int> reference)
    {
        _batch.WantsAllLogits = true;
        int entry = Forward([lastOfPrompt, .. reference[..^1]], wantsLogits: true);
        float[][] logits = new float[reference.Length][];
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = _batch.Logits(entry, i).ToArray();
        }

        return logits;
    }

    public void Dispose() => Cache.Dispose();

    private int Forward(ReadOnlySpan<int> tokenIds, bool wantsLogits)
    {
        _batch.Clear();
        int entry = _batch.Add(Cache, tokenIds, wantsLogits);
        _runner.Forward(_batch);
        return _batch.Failure(entry) is var failure and not StepFailure.None
            ? throw new InvalidOperationException($"a prompt of {Cache.TokenCount + tokenIds.Length} tokens failed in the model: {failure}")
            : entry;
    }
}
