using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tests.Backends;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Inference.Tests.Calibration;

/// <summary>Calibration of the demo model on a few texts, and what codecs then make of them.</summary>
public sealed class CalibratorTests
{
    private static readonly string DataFolder = System.IO.Path.Combine(RepositoryRoot.Path, "models", "demo");

    [Fact]
    public void Observe_PrefillInChunks_SeesTheKeysAndValuesOfTheCache()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("raw");
        KvGeometry geometry = runner.Geometry;
        LayerStatistics[] layers = [.. Enumerable.Range(0, geometry.LayerCount).Select(_ => new LayerStatistics(geometry, 2))];
        runner.Observer = new StatisticsCollector(runner.Config, layers);
        using SequenceCache cache = Sequences.NewCache(runner);

        Sequences.Prefill(runner, cache, model.Prompt(128), chunk: 50);

        int[] all = [.. Enumerable.Range(0, geometry.ChannelCount)];
        for (int layer = 0; layer < layers.Length; layer++)
        {
            (Matrix<double> keys, Matrix<double> values) = Read(cache, layer);
            Assert.InRange((keys.TransposeThisAndMultiply(keys) / 128 - layers[layer].Keys[0].SecondMoment(all)).FrobeniusNorm(), 0, 1e-2);
            Assert.InRange((values.TransposeThisAndMultiply(values) / 128 - layers[layer].Values[0].SecondMoment(all)).FrobeniusNorm(), 0, 1e-2);
            Assert.Equal(128, layers[layer].Keys[0].RowCount);
            Assert.Equal(256, layers[layer].Queries[1].RowCount);
        }
    }

    [Theory]
    [InlineData("zack(energy=1)")]
    [InlineData("pca(heads=2,energy=1)")]
    public void Run_FullRank_LeavesTheModelAsItIs(string spec)
    {
        using ModelFolder folder = ModelFolder.Open(RepositoryRoot.DemoModel);
        CalibrationResult result = Calibrate(folder, [spec], 3, [])[0];
        int[] prompt = folder.Tokenizer.Encode(string.Concat(CalibrationText.ReadTexts(System.IO.Path.Combine(DataFolder, "calibration.jsonl.gz")).Skip(10).Take(3)))[..200];

        float[] expected = Logits(folder, new RawCodec(result.Profile.Geometry), prompt);
        float[] actual = Logits(folder, Codec(result, spec), prompt);

        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max(), 0, 0.1f);
        Assert.All(result.Layers, layer => Assert.InRange(layer.KeyError, 0, 1e-4));
    }

    [Fact]
    public void RunAll_OneObservation_GivesWhatEachAloneWouldGet()
    {
        using ModelFolder folder = ModelFolder.Open(RepositoryRoot.DemoModel);

        IReadOnlyList<CalibrationResult> together = Calibrate(folder, ["kvheads(keep=0.5)", "zack(energy=0.9)"], 2, []);
        CalibrationResult alone = Calibrate(folder, ["kvheads(keep=0.5)"], 2, [])[0];

        Assert.Equal(alone.Profile.ToProfile().Fingerprint, together[0].Profile.ToProfile().Fingerprint);
        Assert.Equal(8, together[1].Layers[0].KeyRanks.Count);
        Assert.All(together[0].Layers, layer => Assert.InRange(layer.ValueError, 1e-6, 0.2));
    }

    [Fact]
    public void Run_ZackUnderAnAccuracyBound_FindsSmallerRanksThatHoldIt()
    {
        using ModelFolder folder = ModelFolder.Open(RepositoryRoot.DemoModel);
        AnsweredPrompt[] prompts = [.. CalibrationText.ReadPrompts(System.IO.Path.Combine(DataFolder, "validation.jsonl.gz"))
            .Where(prompt => prompt.Task is "line_retrieval_20" or "math_0shot").Take(4)];

        CalibrationResult result = Calibrate(folder, ["zack(accuracy=0.99)"], 4, prompts)[0];

        double share = result.Layers.Average(layer => (double)(layer.KeyRanks.Sum() + layer.ValueRanks.Sum())) / 1024;
        Assert.InRange(share, 0.25, 0.9);
        Assert.Contains("100.0%", result.SearchNote.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(1, new AnswerCheck(folder, prompts).Accuracy(Codec(result, "zack(accuracy=0.99)"), 0, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Run_GroupsThatDoNotDivideTheHeads_IsRefused()
    {
        using ModelFolder folder = ModelFolder.Open(RepositoryRoot.DemoModel);

        Assert.Contains("3 KV heads", Assert.Throws<CalibrationException>(() => Calibrate(folder, ["pca(heads=3)"], 1, [])).Message, StringComparison.Ordinal);
        Assert.Contains("prompts", Assert.Throws<CalibrationException>(() => Calibrate(folder, ["zack"], 1, [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"text":"a"}""" + "\nnonsense", "line 2")]
    [InlineData("""{"prompt":5}""", "line 1")]
    [InlineData("[]", "line 1")]
    [InlineData("", "no lines")]
    public void ReadTexts_WrongLine_SaysWhich(string content, string named)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("t.jsonl", content);

        Assert.Contains(named, Assert.Throws<ModelLoadException>(() => CalibrationText.ReadTexts(path)).Message, StringComparison.Ordinal);
    }

    private static IReadOnlyList<CalibrationResult> Calibrate(
        ModelFolder folder, string[] specs, int textCount, IReadOnlyList<AnsweredPrompt> prompts)
    {
        string[] texts = [.. CalibrationText.ReadTexts(System.IO.Path.Combine(DataFolder, "calibration.jsonl.gz"))
            .Where(text => text.Length < 4000).Take(textCount)];
        return new Calibrator(folder, new Progress<CalibrationProgress>(), TestContext.Current.CancellationToken).RunAll(specs, texts, prompts);
    }

    private static KvCodec Codec(CalibrationResult result, string spec) =>
        CodecRegistry.Create(spec, result.Profile.Geometry, new SingleProfile(result.Profile.ToProfile()));

    private static float[] Logits(ModelFolder folder, KvCodec codec, int[] prompt)
    {
        using CpuModelRunner runner = CpuModelRunner.Load(folder, codec);
        using SequenceCache cache = Sequences.NewCache(runner);
        return Sequences.Prefill(runner, cache, prompt, chunk: 64);
    }

    /// <summary>[tokens][channels] of sealed Blocks in the order of <c>raw</c>.</summary>
    private static (Matrix<double> Keys, Matrix<double> Values) Read(SequenceCache cache, int layer)
    {
        KvGeometry geometry = cache.Geometry;
        float[][] blocks = [.. cache.Blocks.Select(block =>
        {
            float[] open = new float[geometry.OpenLayerLength];
            cache.Codec.Decode(layer, block.Payload(layer), open);
            return open;
        })];
        double At(int token, int channel, bool isKey)
        {
            int start = 128 * geometry.HeadSize * (channel / geometry.HeadSize);
            (int block, int column) = Math.DivRem(token, 64);
            int d = channel % geometry.HeadSize;
            return blocks[block][isKey ? start + (d * 64) + column : start + (64 * geometry.HeadSize) + (column * geometry.HeadSize) + d];
        }

        return (
            Matrix<double>.Build.Dense(64 * blocks.Length, geometry.ChannelCount, (token, channel) => At(token, channel, isKey: true)),
            Matrix<double>.Build.Dense(64 * blocks.Length, geometry.ChannelCount, (token, channel) => At(token, channel, isKey: false)));
    }
}
