using System.Diagnostics;

namespace KvCluster.Compression.Tests.Golden;

/// <summary>The bytes that codecs write do not depend on the processor: golden files again, in processes without its vector instructions.</summary>
public sealed class InstructionSetTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task GoldenFiles_WithoutInstructions_AreTheSame(string variable)
    {
        string assembly = typeof(GoldenSlabTests).Assembly.Location;
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            Environment = { [variable] = "0" },
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(assembly);
        }

        start.ArgumentList.Add("--filter-class");
        start.ArgumentList.Add(typeof(GoldenSlabTests).FullName!);
        using Process process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Timeout);
        string output = await process.StandardOutput.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("succeeded: ", output, StringComparison.Ordinal);
    }
}
