using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Tokens that the device draws.</summary>
public sealed partial class CudaModelRunnerTests
{
    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(0.8, 40, 0.9)]
    public void Forward_EntriesWithADraw_TokensThatTheSamplerDraws(double temperature, int topK, double topP)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo("int4", PageBytes);
        int[] prompt = GoldenTests.Cases[0].TokenIds;
        using SequenceCache drawn = Sequences.NewCache(gpu), seen = Sequences.NewCache(gpu), alone = Sequences.NewCache(gpu);
        var parameters = new SamplingParameters { Temperature = (float)temperature, TopK = topK, TopP = (float)topP };
        var sampler = new Sampler();
        var batch = new StepBatch();
        int[] next = prompt;
        for (int step = 0; step < 40; step++)
        {
            int position = prompt.Length + step;
            var draw = new TokenDraw(parameters.Temperature, topK, parameters.TopP, 0, Philox.Uniform(7, position));
            batch.Clear();
            batch.Add(drawn, next, wantsLogits: true, draw: draw);
            batch.Add(seen, next, wantsLogits: true);
            gpu.Forward(batch);
            int token = batch.DrawnToken(0);
            Assert.Equal(sampler.Sample(batch.Logits(1), parameters, null, 7, position).Id, token);
            Assert.Equal(-1, batch.DrawnToken(1));
            Assert.Throws<InvalidOperationException>(() => batch.Logits(0).Length);

            // Nobody wants logits: none come to the host.
            batch.Clear();
            batch.Add(alone, next, wantsLogits: true, draw: draw);
            gpu.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(0));
            Assert.InRange(batch.DrawnToken(0), 0, gpu.VocabularySize - 1);
            next = [token];
        }
    }
}
