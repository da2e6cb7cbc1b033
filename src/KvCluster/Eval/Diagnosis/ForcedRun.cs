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
            SlabPool.Shared,
            runner.Config.HeadCount * runner.Config.HeadSize);
    }

    public SequenceCache Cache { get; }

    /// <summary>Computes the prompt, as a prefill worker does.</summary>
    /// <returns>The logits after it.</returns>
    public float[] Prefill(ReadOnlySpan<int> prompt)
    {
        Cache.BeginPrompt(prompt.Length);
        _batch.WantsAllLogits = false;
        while (prompt.Length > ChunkTokenCount)
        {
            Forward(prompt[..ChunkTokenCount], wantsLogits: false);
            prompt = prompt[ChunkTokenCount..];
        }

        return _batch.Logits(Forward(prompt, wantsLogits: true)).ToArray();
    }

    /// <summary>Computes the tokens of an answer after the prompt, in one step.</summary>
    /// <returns>The logits after each.</returns>
    public float[][] Force(ReadOnlySpan<int> answer)
    {
        if (answer.Length == 0)
        {
            return [];
        }

        _batch.WantsAllLogits = true;
        int entry = Forward(answer, wantsLogits: true);
        float[][] logits = new float[answer.Length][];
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
