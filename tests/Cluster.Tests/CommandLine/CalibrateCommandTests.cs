using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.Inference.Models;

namespace KvCluster.Cluster.Tests.CommandLine;

/// <summary><c>kvcluster calibrate</c> as a user of the shell sees it.</summary>
public sealed class CalibrateCommandTests : IDisposable
{
    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory("kvcluster-tests-");

    private string ModelFolder => Path.Combine(_scratch.FullName, "model");

    public void Dispose() => _scratch.Delete(recursive: true);

    [Theory]
    [InlineData("nothing to calibrate", "int4", "--kv", "int4", "--out", "x.safetensors")]
    [InlineData("a wrong parameter", "keep", "--kv", "kvheads(keep=0.3)", "--out", "x.safetensors")]
    [InlineData("no folder to write to", "no-such-folder", "--kv", "kvheads(keep=0.5)", "--out", "no-such-folder/x.safetensors")]
    [InlineData("several specs and one file", "--out", "--kv", "kvheads(keep=0.5)", "--kv", "kvheads(keep=0.25)", "--out", "x.safetensors")]
    [InlineData("a limit of nothing", "--limit", "--kv", "kvheads(keep=0.5)", "--out", "x.safetensors", "--limit", "0")]
    public async Task Calibrate_BadArguments_SaysWhichAndExitsWithTwo(string because, string named, params string[] arguments)
    {
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(["calibrate", .. arguments]);

        Assert.True(exitCode == 2, $"{because}: exit code {exitCode}, {errors}");
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calibrate_NoData_NamesTheFileAndExitsWithOne()
    {
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(
            "calibrate", "--kv", "kvheads(keep=0.5)", "--out", Path.Combine(_scratch.FullName, "x.safetensors"), "--data", "no-such-data.jsonl");

        Assert.Equal(1, exitCode);
        Assert.Contains("no-such-data.jsonl", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calibrate_DemoModelOnTwoTexts_MakesAProfileThatIsFoundAndAnswers()
    {
        CopyModel();
        string profiles = Directory.CreateDirectory(Path.Combine(ModelFolder, "profiles")).FullName;
        string data = Path.Combine(RepositoryRoot.Path, "models", "demo", "calibration.jsonl.gz");

        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync(
            "calibrate", "--model", ModelFolder, "--kv", "pca(heads=2,energy=0.999)+int8", "--out", profiles, "--data", data, "--limit", "2");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("pca(energy=0.999,heads=2): ", output, StringComparison.Ordinal);
        Assert.Equal("pca-energy-0.999-heads-2.safetensors.gz", Path.GetFileName(Assert.Single(Directory.GetFiles(profiles))));
        await AssertAnswersAsync("pca(heads=2,energy=0.999)+int8");
    }

    [Fact]
    public async Task Eval_ProfileThatIsNotThere_SaysHowToMakeIt()
    {
        CopyModel();

        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(
            "eval", "--model", ModelFolder, "--data", Question(), "--kv", "zack(energy=0.5)");

        Assert.NotEqual(0, exitCode);
        Assert.Contains("kvcluster calibrate --kv \"zack(energy=0.5)\"", errors, StringComparison.Ordinal);
    }

    private async Task AssertAnswersAsync(string spec)
    {
        string json = Path.Combine(_scratch.FullName, "report.json");
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(
            "eval", "--model", ModelFolder, "--data", Question(), "--kv", spec, "--diagnose", "0", "--json", json);

        Assert.True(exitCode == 0, errors);
        using var report = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        System.Text.Json.JsonElement measured = report.RootElement.GetProperty("specs")[1];
        Assert.Equal(1, measured.GetProperty("mean_accuracy").GetDouble());
        Assert.InRange(measured.GetProperty("ratio").GetDouble(), 1.5, 16);
    }

    private string Question()
    {
        string path = Path.Combine(_scratch.FullName, "question.jsonl");
        File.WriteAllLines(path, DataFile.ReadLines(RepositoryRoot.EvalFile).Where(line => line.Contains("line_retrieval_20", StringComparison.Ordinal)).Take(1));
        return path;
    }

    private void CopyModel()
    {
        Directory.CreateDirectory(ModelFolder);
        foreach (string file in Directory.GetFiles(RepositoryRoot.ModelFolder))
        {
            File.Copy(file, Path.Combine(ModelFolder, Path.GetFileName(file)));
        }
    }
}
