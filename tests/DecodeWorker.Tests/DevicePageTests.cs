using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Models;
using KvCluster.V1;
using KvCluster.Workers.Tests;

namespace KvCluster.DecodeWorker.Tests;

/// <summary>A real worker on a runner whose device holds few pages.</summary>
[Collection("cluster")]
public sealed class DevicePageTests
{
    private static readonly Sampling Endless = new() { Temperature = 0, IgnoreEos = true };

    [Theory]
    [InlineData(7, 40)]
    [InlineData(100, 4)]
    [InlineData(8, 0)]
    public async Task Decode_MoreThanTheDeviceHolds_WaitsAndNobodyFails(int sealedCount, int openCount)
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var runner = new PagedRunner(new DevicePages(sealedCount, openCount));
        var decode = await StartAsync(cluster, runner);
        int[][] prompts = [.. Enumerable.Range(0, 6).Select(i => TestModel.Prompt(200 + i, 150))];

        var answers = await Task.WhenAll(prompts.Select(prompt => decode.RunLocalAsync(decode.Start(prompt, 50, isLocal: true, sampling: Endless))));

        Assert.All(prompts.Zip(answers), pair => Assert.Equal(50, pair.Second.TokenIds.Length));
        Assert.Equal(TestOracle.Generate(cluster.Model, prompts[0], 50), answers[0].TokenIds);
        Assert.Equal(2, runner.MostEntries);
    }

    [Fact]
    public async Task Decode_NeverFitsTheDevice_RefusedAtOnce()
    {
        await using var cluster = await TestCluster.StartAsync("int4");
        var decode = await StartAsync(cluster, new PagedRunner(new DevicePages(3, 40)));

        var status = await decode.FailAsync(decode.Start(TestModel.Prompt(210, 150), 106, isLocal: true));

        Assert.Equal(StatusCode.ResourceExhausted, status.StatusCode);
        Assert.Contains("4 blocks of 64 tokens on the device, which holds 3", status.Detail, StringComparison.Ordinal);
        Assert.Equal(20, (await decode.RunLocalAsync(decode.Start(TestModel.Prompt(210, 150), 20, isLocal: true, sampling: Endless))).TokenIds.Length);
    }

    private static Task<DecodeClient> StartAsync(TestCluster cluster, PagedRunner runner) => DecodeClient.StartAsync(cluster, create: options =>
    {
        var folder = ModelFolder.Open(options.ModelFolder);
        var geometry = ModelKvGeometry.Of(folder.Config);
        runner.Inner = CpuModelRunner.Load(folder, CodecRegistry.Create(options.KvSpec, geometry, new ProfileFolder(folder.Path, folder.Fingerprint, geometry)));
        return DecodeWorkerHost.Create(options, WorkerModel.Of(cluster.Model.Name, folder, runner));
    });

    /// <summary>The CPU's forward pass, said to be on a device with so many pages.</summary>
    private sealed class PagedRunner(DevicePages pages) : IModelRunner
    {
        public CpuModelRunner Inner { get; set; } = null!;

        public int MostEntries { get; private set; }

        public DevicePages? Pages => pages;

        public ModelConfig Config => Inner.Config;

        public KvCodec Codec => Inner.Codec;

        public KvGeometry Geometry => Inner.Geometry;

        public ulong ModelFingerprint => Inner.ModelFingerprint;

        public int VocabularySize => Inner.VocabularySize;

        public void Forward(StepBatch batch)
        {
            MostEntries = Math.Max(MostEntries, batch.EntryCount);
            Inner.Forward(batch);
        }

        public void Dispose() => Inner.Dispose();
    }
}
