using System.Collections.Immutable;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;

namespace KvCluster.Workers.Tests;

/// <summary>The obvious way to an answer: one Sequence, no store, the prompt in one piece, then token by token.</summary>
internal static class TestOracle
{
    public static int[] Generate(WorkerModel model, int[] prompt, int tokenCount, SamplingParameters? parameters = null, ulong seed = 1)
    {
        var runner = model.Runner;
        parameters = (parameters ?? new SamplingParameters()) with { MaxTokens = tokenCount };
        var generation = new Generation(
            prompt, prompt.Length, parameters, ImmutableArray<int>.Empty, seed, runner.Config.EosTokenIds, model.MaxContextTokens);
        var root = BlockIdChain.Root("", runner.ModelFingerprint, runner.Codec.Fingerprint);
        using var cache = new SequenceCache(runner.Codec, root, runner.ModelFingerprint, 1, SlabPool.Shared, runner.Config.HeadCount * runner.Config.HeadSize);
        var sampler = new Sampler();
        var batch = new StepBatch();
        while (generation.End == SequenceEnd.None)
        {
            batch.Clear();
            var entry = batch.Add(cache, generation.TokenIds[cache.TokenCount..], wantsLogits: true);
            runner.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(entry));
            generation.Commit(generation.Choose(sampler, batch.Logits(entry)).Id);
        }

        return generation.TokenIds[prompt.Length..].ToArray();
    }
}
