using KvCluster.CommandLine.Serve;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.DecodeWorker;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Models;
using KvCluster.PrefillWorker;
using KvCluster.ServiceDefaults.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>A worker whose device is lost ends, and says why; what it had in work is finished elsewhere, with the same tokens.</summary>
public sealed class DeviceLostTests
{
    private const string Reason = "The GPU is lost to this process: cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS.";
    private const int MaxTokens = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <param name="role">Of the worker whose device is lost.</param>
    /// <param name="goodSteps">Before that.</param>
    /// <param name="hangs">The step does not fail, it does not end in time.</param>
    /// <param name="returns">When nobody waits for it any more; else never.</param>
    [Theory]
    [InlineData("decode", 12)]
    [InlineData("decode", 0)]
    [InlineData("prefill", 1)]
    [InlineData("decode", 9, true, true)]
    [InlineData("prefill", 1, true, true)]
    [InlineData("decode", 9, true)]
    [InlineData("prefill", 1, true)]
    public async Task Generate_DeviceLostInAStep_WorkerEndsAndAnswersAreTheSame(string role, int goodSteps, bool hangs = false, bool returns = false)
    {
        string[] prompts = [.. Enumerable.Range(0, 8).Select(i => Prompts.Of(i % 2 == 0 ? "line_retrieval_20" : "lookup_60", i))];
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        var expected = new List<int[]>();
        foreach (string prompt in prompts)
        {
            expected.Add((await cluster.Inference.AskAsync(prompt, MaxTokens)).TokenIds);
        }

        using var errors = new StringWriter();
        using var over = new ManualResetEventSlim();
        Task<int> running = RunWorkerAsync(cluster, role, goodSteps, hangs ? returns ? Hang.Returns : Hang.Stays : Hang.None, over, errors);
        await WaitForAsync(cluster, $"{role}-doomed", running);

        // Another tenant's: new to the store.
        Answer[] answers = await Task.WhenAll(prompts.Select(prompt => cluster.Inference.AskAsync(prompt, MaxTokens, tenant: "other")));

        Assert.Equal(expected, answers.Select(answer => answer.TokenIds));
        Assert.Equal(HostFault.ExitCode, await running.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal($"error: {(hangs ? "The GPU hangs: a step has not ended within 1.5 s." : Reason)}", errors.ToString().Trim());
        await cluster.WaitUntilIdleAsync();
        V1.ListWorkersReply left = await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.DoesNotContain(left.Workers, worker => worker.Worker.WorkerId == $"{role}-doomed");
        over.Set();
    }

    [Fact]
    public async Task Serve_FaultOfOneHost_EndsTheProcessWithItsLine()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
            new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = "int4" }, TestContext.Current.CancellationToken);
        Task<string> fault = cluster.FaultAsync();
        Task<int> signal = ShutdownSignal.WaitAsync(fault, TestContext.Current.CancellationToken);
        Assert.False(signal.IsCompleted);

        cluster.ShardServices[0].GetRequiredService<HostFault>().Raise("first");
        cluster.ShardServices[0].GetRequiredService<HostFault>().Raise("second");

        Assert.Equal(HostFault.ExitCode, await signal.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal("first", await fault);
    }

    private static Task<int> RunWorkerAsync(TestCluster cluster, string role, int goodSteps, Hang hang, ManualResetEventSlim over, TextWriter errors)
    {
        var folder = ModelFolder.Open(RepositoryRoot.ModelFolder);
        KvGeometry geometry = ModelKvGeometry.Of(folder.Config);
        KvCodec codec = CodecRegistry.Create("int4", geometry, new ProfileFolder(folder.Path, folder.Fingerprint, geometry));
        var model = WorkerModel.Of(ModelName.Of(RepositoryRoot.ModelFolder), folder, new DoomedRunner(CpuModelRunner.Load(folder, codec), goodSteps, hang, over));
        return ServiceHost.RunAsync(
            () => role == "decode"
                ? DecodeWorkerHost.Create(
                    new DecodeWorkerOptions
                    {
                        ListenAddress = "http://127.0.0.1:0",
                        GatewayAddress = cluster.GrpcAddress,
                        WorkerId = "decode-doomed",
                        ModelFolder = RepositoryRoot.ModelFolder,
                    },
                    model)
                : PrefillWorkerHost.Create(
                    new PrefillWorkerOptions
                    {
                        ListenAddress = "http://127.0.0.1:0",
                        GatewayAddress = cluster.GrpcAddress,
                        WorkerId = "prefill-doomed",
                        ModelFolder = RepositoryRoot.ModelFolder,
                    },
                    model),
            errors);
    }

    private static async Task WaitForAsync(TestCluster cluster, string workerId, Task worker)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!worker.IsCompleted && await timer.WaitForNextTickAsync(patience.Token))
        {
            V1.ListWorkersReply members = await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: patience.Token);
            if (members.Workers.Any(member => member.Worker.WorkerId == workerId))
            {
                return;
            }
        }

        Assert.Fail($"{workerId} ended before it had joined");
    }

    private enum Hang
    {
        None,

        /// <summary>A step that hangs comes back when nobody waits for it any more, and must then change nothing.</summary>
        Returns,

        /// <summary>Until the test is over.</summary>
        Stays,
    }

    /// <summary>The CPU's forward pass on a device that is lost after some steps, or hangs.</summary>
    private sealed class DoomedRunner(CpuModelRunner inner, int goodSteps, Hang hang, ManualResetEventSlim over) : IModelRunner
    {
        private readonly ManualResetEventSlim _abandoned = new();
        private readonly ManualResetEventSlim _returned = new();
        private int _steps;

        public TimeSpan? StepLimit => hang == Hang.None ? null : TimeSpan.FromSeconds(1.5);

        public ModelConfig Config => inner.Config;

        public KvCodec Codec => inner.Codec;

        public KvGeometry Geometry => inner.Geometry;

        public ulong ModelFingerprint => inner.ModelFingerprint;

        public int VocabularySize => inner.VocabularySize;

        public void Forward(StepBatch batch)
        {
            if (_steps++ < goodSteps)
            {
                inner.Forward(batch);
                return;
            }

            if (hang == Hang.Returns && _abandoned.Wait(Patience))
            {
                inner.Forward(batch);
                _returned.Set();
                return;
            }

            _ = hang == Hang.Stays && over.Wait(Patience);
            throw new DeviceLostException(Reason);
        }

        public void Abandon() => _abandoned.Set();

        public void Dispose()
        {
            // The model's memory goes with its folder, and the step that came back still reads it.
            Assert.True(hang != Hang.Returns || _returned.Wait(Patience));
            inner.Dispose();
        }
    }
}
