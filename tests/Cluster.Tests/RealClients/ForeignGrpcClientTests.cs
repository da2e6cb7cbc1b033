using System.Diagnostics;
using System.Text.Json;
using KvCluster.Cluster.Tests.EndToEnd;

namespace KvCluster.Cluster.Tests.RealClients;

/// <summary>python3-grpcio and @grpc/grpc-js as clients of <c>kvcluster.v1.Inference</c>.</summary>
public sealed class ForeignGrpcClientTests
{
    private const int MaxTokens = 24;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("/usr/bin/python3", "generate.py")]
    [InlineData("node", "generate.mjs")]
    public async Task Generate_FromAnotherLanguage_GivesTheSameAnswerAndTheSameRefusal(string interpreter, string script)
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        string prompt = Prompts.Of("math_4shot");
        Answer expected = await cluster.Inference.AskAsync(prompt, MaxTokens);

        using JsonDocument reply = JsonDocument.Parse(await RunAsync(interpreter, script, cluster.GrpcAddress, prompt));

        JsonElement root = reply.RootElement;
        Assert.Equal(expected.TokenIds, root.GetProperty("token_ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(expected.Text, root.GetProperty("text").GetString());
        Assert.Equal(expected.Usage.PromptTokens, root.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal("INVALID_ARGUMENT", root.GetProperty("refused").GetProperty("code").GetString());
        Assert.Contains("max_tokens", root.GetProperty("refused").GetProperty("details").GetString(), StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(string interpreter, string script, string address, string prompt)
    {
        string folder = Path.Combine(RepositoryRoot.Path, "tests/Cluster.Tests/clients");
        var start = new ProcessStartInfo(interpreter)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[script, new Uri(address).Authority, Path.Combine(RepositoryRoot.Path, "protos"), prompt, MaxTokens.ToString()])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Patience);
        Task<string> output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        Task<string> errors = process.StandardError.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        Assert.True(process.ExitCode == 0, $"{interpreter} {script}: {await errors}");
        return await output;
    }
}
