using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>Runs sequences the plain way, for tests.</summary>
internal static class Sequences
{
    public static SequenceCache NewCache(IModelRunner runner, SlabPool? pool = null) => new(
        runner.Codec,
        BlockIdChain.Root("tests", runner.ModelFingerprint, runner.Codec.Fingerprint),
        runner.ModelFingerprint,
        writerEpoch: 1,
        pool ?? SlabPool.Shared,
        runner.Config.HeadCount * runner.Config.HeadSize);

    /// <summary>Prefills in chunks; logits after the last token.</summary>
    public static float[] Prefill(IModelRunner runner, SequenceCache cache, ReadOnlySpan<int> tokenIds, int chunk, ISlabSink? sink = null)
    {
        var batch = new StepBatch();
        while (true)
        {
            int count = Math.Min(chunk, tokenIds.Length);
            bool isLast = count == tokenIds.Length;
            batch.Clear();
            int entry = batch.Add(cache, tokenIds[..count], isLast, sink);
            runner.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(entry));
            tokenIds = tokenIds[count..];
            if (isLast)
            {
                return batch.Logits(entry).ToArray();
            }
        }
    }

    /// <summary>Appends greedy tokens; ends after <paramref name="count"/> or an end token.</summary>
    public static int[] Greedy(IModelRunner runner, SequenceCache cache, float[] logits, int count)
    {
        var batch = new StepBatch();
        var tokenIds = new List<int> { TensorPrimitives.IndexOfMax(logits) };
        while (tokenIds.Count < count && !runner.Config.EosTokenIds.Contains(tokenIds[^1]))
        {
            batch.Clear();
            batch.Add(cache, tokenIds[^1], wantsLogits: true);
            runner.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(0));
            tokenIds.Add(TensorPrimitives.IndexOfMax<float>(batch.Logits(0)));
        }

        return [.. tokenIds];
    }
}
