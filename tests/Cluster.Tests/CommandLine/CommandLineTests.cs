using KvCluster.Cluster.Tests.EndToEnd;

namespace KvCluster.Cluster.Tests.CommandLine;

/// <summary>What a user of the shell sees: exit codes, one clear line for each mistake, no stack trace.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory("kvcluster-tests-");

    public void Dispose() => _scratch.Delete(recursive: true);

    [Theory]
    [InlineData("serve")]
    [InlineData("generate")]
    [InlineData("eval")]
    [InlineData("calibrate")]
    [InlineData("inspect")]
    [InlineData("bench load")]
    [InlineData("bench handover")]
    public async Task Help_EveryVerb_HasExamples(string verb)
    {
        (int exitCode, string output, _) = await KvClusterProcess.RunAsync([.. verb.Split(' '), "--help"]);

        Assert.Equal(0, exitCode);
        Assert.Contains($"kvcluster {verb} ", output, StringComparison.Ordinal);
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--kv is not a codec", "int5", "serve", "--kv", "int5")]
    [InlineData("lists the codecs", "int4", "serve", "--kv", "zip")]
    [InlineData("unknown model folder", "no-such-model", "serve", "--model", "no-such-model")]
    [InlineData("unknown option", "--frobnicate", "serve", "--frobnicate")]
    [InlineData("no prompt", "--prompt", "generate")]
    [InlineData("a limit of nothing", "--limit", "eval", "--data", "x", "--limit", "0")]
    [InlineData("no such data", "no-such-file", "eval", "--data", "no-such-file")]
    [InlineData("neither file nor block", "neither", "inspect", "no-such-file")]
    [InlineData("a choice can't be served", "kvcluster eval", "serve", "--kv", "auto(accuracy=0.99)")]
    [InlineData("no such bound", "accuracy", "eval", "--data", "x", "--kv", "auto(accuracy=2)")]
    [InlineData("no such second questions", "--second", "eval", "--data", "models/demo/eval.jsonl", "--second", "no-such-file")]
    [InlineData("no Redis", "RedisConnection must be empty or like redis:6379", "serve", "--role", "kvstore", "--redis", "colour=blue")]
    [InlineData("no BlockId", "is not a BlockId", "store", "get", "x", "y")]
    [InlineData("no address of a shard", "is not an address", "store", "drain", "nowhere")]
    [InlineData("no address", "--server", "generate", "--prompt", "x", "--server", "nowhere")]
    public async Task Run_BadArguments_SaysWhichAndExitsWithTwo(string because, string named, params string[] arguments)
    {
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(arguments);

        Assert.True(exitCode == 2, $"{because}: exit code {exitCode}, {errors}");
        Assert.Contains(named, errors, StringComparison.Ordinal);
        AssertNoStackTrace(errors);
    }

    [Fact]
    public async Task Serve_TruncatedWeights_NamesTheFileAndExitsWithOne()
    {
        foreach (string file in Directory.GetFiles(RepositoryRoot.ModelFolder))
        {
            File.Copy(file, Path.Combine(_scratch.FullName, Path.GetFileName(file)));
        }

        const string Shard = "model-00002-of-00002.safetensors";
        using (FileStream shard = File.OpenWrite(Path.Combine(_scratch.FullName, Shard)))
        {
            shard.SetLength(shard.Length / 2);
        }

        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync("serve", "--model", _scratch.FullName, "--http", "0", "--grpc", "0");

        Assert.Equal(1, exitCode);
        Assert.Contains(Shard, errors, StringComparison.Ordinal);
        AssertNoStackTrace(errors);
    }

    [Fact]
    public async Task Serve_PortInUse_NamesThePortAndExitsWithOne()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Any, 0);
        taken.Start();
        string port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port.ToString();

        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync("serve", "--http", port, "--grpc", "0");

        Assert.Equal(1, exitCode);
        Assert.Contains(port, errors, StringComparison.Ordinal);
        AssertNoStackTrace(errors);
    }

    [Fact]
    public async Task Serve_OnDefaults_AnswersGenerateAndStopsOnSigterm()
    {
        await using KvClusterProcess serve = KvClusterProcess.Start("serve", "--http", "0", "--grpc", "0");
        string ready = await serve.WaitForLineAsync("ready http://");
        string grpc = ready.Split(' ')[2];
        Assert.StartsWith("grpc://", grpc, StringComparison.Ordinal);

        (int exitCode, string output, _) = await KvClusterProcess.RunAsync(
            "generate", "--prompt", "Tell me a short story about a fox named Ada.", "--max-tokens", "24", "--server", grpc);

        Assert.Equal(0, exitCode);
        Assert.StartsWith("In a thin town lived a fox called Ada.", output, StringComparison.Ordinal);
        Assert.Equal(0, await serve.StopAsync());
    }

    [Fact]
    public async Task Eval_TwoPromptsATask_PrintsTheTableAndSavesJsonAndHtml()
    {
        string json = Path.Combine(_scratch.FullName, "report.json");
        string html = Path.Combine(_scratch.FullName, "report.html");

        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync(
            "eval", "--data", RepositoryRoot.EvalFile, "--kv", "int4", "--limit", "2", "--diagnose", "0", "--json", json, "--html", html);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("| accuracy |", output, StringComparison.Ordinal);
        Assert.Equal("html", System.Xml.Linq.XDocument.Load(html).Root!.Name.LocalName);
        using var report = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        System.Text.Json.JsonElement[] specs = [.. report.RootElement.GetProperty("specs").EnumerateArray()];
        Assert.Equal(["raw", "int4"], specs.Select(spec => spec.GetProperty("kv_spec").GetString()));
        Assert.All(specs, spec => Assert.Equal(6, spec.GetProperty("tasks").GetArrayLength()));
        Assert.All(specs, spec => Assert.InRange(spec.GetProperty("mean_accuracy").GetDouble(), 0.8, 1));
        Assert.InRange(specs[0].GetProperty("ratio").GetDouble(), 0.9, 1);
        Assert.InRange(specs[1].GetProperty("ratio").GetDouble(), 2, 4);
        Assert.All(specs, spec => Assert.InRange(spec.GetProperty("mean_nll").GetDouble(), 0, 0.2));
    }

    [Fact]
    public async Task Inspect_BlockOfARunningCluster_ExplainsItsSlabsAndAFlippedBitIsSeen()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        string prompt = Prompts.Of("line_retrieval_20");
        await cluster.Inference.AskAsync(prompt, maxTokens: 1);
        string blockId = await FirstBlockIdAsync(cluster, prompt);

        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync(
            "inspect", blockId, "--server", cluster.GrpcAddress, "--save", _scratch.FullName);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("layer 8 of 8", output, StringComparison.Ordinal);
        string[] slabs = Directory.GetFiles(_scratch.FullName, "*.slab");
        Assert.Equal(8, slabs.Length);
        byte[] bytes = await File.ReadAllBytesAsync(slabs[0], TestContext.Current.CancellationToken);
        bytes[^5] ^= 4;
        await File.WriteAllBytesAsync(slabs[0], bytes, TestContext.Current.CancellationToken);
        (exitCode, output, _) = await KvClusterProcess.RunAsync("inspect", slabs[0]);
        Assert.Equal(1, exitCode);
        Assert.Contains("its CRC-32C does not match", output, StringComparison.Ordinal);
        Assert.Equal(0, (await KvClusterProcess.RunAsync("inspect", slabs[1])).ExitCode);
    }

    private static async Task<string> FirstBlockIdAsync(TestCluster cluster, string prompt)
    {
        V1.WorkerDescription worker = (await cluster.Membership.ListWorkersAsync(new V1.ListWorkersRequest())).Workers
            .First(status => status.Worker.Role is V1.WorkerRole.Decode).Worker;
        int[] ids = [.. (await cluster.Inference.TokenizeAsync(new V1.TokenizeRequest { Text = prompt })).TokenIds];
        var root = Compression.Blocks.BlockIdChain.Root("", worker.ModelFingerprint, worker.CodecFingerprint);
        return Compression.Blocks.BlockIdChain.FullBlocks(root, ids)[0].ToString();
    }

    private static void AssertNoStackTrace(string errors)
    {
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        Assert.True(errors.Split('\n').Length <= 3, $"one clear line, not: {errors}");
    }
}
