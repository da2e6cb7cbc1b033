using System.Diagnostics;
using Grpc.Net.Client;

namespace KvCluster.Standins.Grpc.Tests.Interop;

/// <summary>A grpcio server of test.proto in a process of its own.</summary>
internal sealed class ForeignServer : IAsyncDisposable
{
    private readonly Process _process;

    private ForeignServer(Process process, string port)
    {
        _process = process;
        Channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
    }

    public GrpcChannel Channel { get; }

    /// <summary>Skips the test where there is no grpcio.</summary>
    public static async Task<ForeignServer> StartAsync(params string[] arguments)
    {
        var python = await Tool.FindPythonAsync();
        Assert.SkipUnless(python is not null, "No python3 with grpcio here; apt-get install python3-grpcio.");
        var process = Tool.Start(python!, ["server.py", .. arguments], Path.Combine(Tool.Scripts, "python"));
        var port = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        if (port is null)
        {
            Assert.Fail(await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        }

        return new ForeignServer(process, port);
    }

    /// <summary>Returns once a handler waits for the end of its call ("waiting"), or has seen it ("cancelled").</summary>
    public async Task ExpectAsync(string line) =>
        Assert.Equal(line, await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));

    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await KillAsync();
        _process.Dispose();
    }
}
