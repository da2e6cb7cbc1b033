using System.Diagnostics;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using KvCluster.DecodeWorker;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>Workers in processes of their own, as <c>serve --devices</c> has them; here they compute on the CPU.</summary>
public sealed class WorkerProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Generate_WorkersInProcessesOfTheirOwn_SameAnswerAlsoAfterAKill()
    {
        string prompt = Prompts.Of("line_retrieval_20", 0);
        var options = new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = "int4" };
        int[] expected;
        await using (TestCluster alone = await TestCluster.StartAsync(options))
        {
            expected = (await alone.Inference.AskAsync(prompt)).TokenIds;
        }

        Process[] processes;
        await using (TestCluster cluster = await TestCluster.StartAsync(options with { Devices = [0, 1] }))
        {
            Assert.Equal(expected, (await cluster.Inference.AskAsync(prompt)).TokenIds);
            processes = [.. await Task.WhenAll((await EpochsAsync(cluster)).Keys.Select(id => ProcessOfAsync(cluster, id)))];
            Assert.Equal(2, processes.Length);

            (string killed, ulong epoch) = (await EpochsAsync(cluster)).Single(worker => worker.Key.StartsWith("decode", StringComparison.Ordinal));
            processes[1].Kill();
            await WaitForNewEpochAsync(cluster, killed, epoch);
            processes[1].Dispose();
            processes[1] = await ProcessOfAsync(cluster, killed);

            Assert.Equal(expected, (await cluster.Inference.AskAsync(prompt, tenant: "other")).TokenIds);
        }

        // They ended in good order when their input did, or they would have been killed after a patience longer than this.
        Assert.All(processes, process => Assert.True(process.WaitForExit(0)));
        Array.ForEach(processes, process => process.Dispose());
    }

    [Fact]
    public async Task Start_WorkerThatCanNotRun_SaysSoAtOnce()
    {
        var options = new ClusterOptions { ModelFolder = RepositoryRoot.ModelFolder, KvSpec = "int4", Backend = "cpu", Synthetic = "llama3-8b", Devices = [0, 1] };

        HostStartException error = await Assert.ThrowsAsync<HostStartException>(
            () => EmbeddedCluster.StartAsync(options, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken));

        Assert.Contains("can't run (exit code", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 1, "1")]
    [InlineData("", 3, "3")]
    [InlineData("4,5", 1, "5")]
    [InlineData("GPU-aa, GPU-bb", 0, "GPU-aa")]
    public void VisibleDevice_OfAList_IsItsNth(string? visible, int device, string expected) => Assert.Equal(expected, WorkerProcess.VisibleDevice(visible, device));

    [Fact]
    public void VisibleDevice_BeyondTheList_IsRefused() => Assert.Throws<HostStartException>(() => WorkerProcess.VisibleDevice("4,5", 2));

    [Fact]
    public void Arguments_SettingsThatDiffer_AndNoOthers()
    {
        var options = new DecodeWorkerOptions { ModelFolder = "a folder", SlabPort = 17, EndsWithInput = true };

        Assert.Equal(["--EndsWithInput=True", "--ModelFolder=a folder", "--SlabPort=17"], WorkerProcess.Arguments(options).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("0,1", "cpu", "add --backend cuda")]
    [InlineData("0,x", "cuda", "is not a list")]
    [InlineData("0,-1", "cuda", "is not a list")]
    [InlineData("0", "cuda", "names 1 for 2 workers")]
    public void Devices_Unusable_SaysWhy(string list, string backend, string reason) =>
        Assert.Contains(reason, Assert.Throws<BadArgumentException>(() => DevicesOption.Of(list, backend, 2)).Message, StringComparison.Ordinal);

    private static async Task<Dictionary<string, ulong>> EpochsAsync(TestCluster cluster) =>
        (await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: TestContext.Current.CancellationToken)).Workers
            .Where(worker => worker.Worker.Role is not V1.WorkerRole.Kvstore)
            .OrderByDescending(worker => worker.Worker.Role is V1.WorkerRole.Prefill)
            .ToDictionary(worker => worker.Worker.WorkerId, worker => worker.Epoch);

    private static async Task WaitForNewEpochAsync(TestCluster cluster, string workerId, ulong old)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await timer.WaitForNextTickAsync(patience.Token))
        {
            if ((await EpochsAsync(cluster)).TryGetValue(workerId, out ulong epoch) && epoch != old)
            {
                return;
            }
        }
    }

    /// <summary>The child whose command line names the worker.</summary>
    private static async Task<Process> ProcessOfAsync(TestCluster cluster, string workerId)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
        {
            string[] arguments = await ArgumentsAsync(folder);
            if (arguments.Contains($"--WorkerId={workerId}") && arguments.Contains($"--GatewayAddress={cluster.GrpcAddress}"))
            {
                return Process.GetProcessById(int.Parse(Path.GetFileName(folder)));
            }
        }

        throw new InvalidOperationException($"{workerId} has no process");
    }

    private static async Task<string[]> ArgumentsAsync(string folder)
    {
        try
        {
            return (await File.ReadAllTextAsync(Path.Combine(folder, "cmdline"), TestContext.Current.CancellationToken)).Split('\0');
        }
        catch (IOException)
        {
            return [];
        }
    }
}
