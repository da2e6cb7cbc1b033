using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using StackExchange.Redis;

namespace KvCluster.KvStore.Tests.Redis;

/// <summary>A real redis-server on a loopback port, to be killed, stopped and started again.</summary>
internal sealed partial class RedisServer : IAsyncDisposable
{
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("redis-");
    private readonly int _port = FreePort();
    private readonly string[] _arguments;
    private Process _process = null!;

    private RedisServer(string[] arguments) => _arguments = arguments;

    public string Connection => $"127.0.0.1:{_port}";

    public static async Task<RedisServer> StartAsync(params string[] arguments)
    {
        var server = new RedisServer(arguments);
        await server.RestartAsync();
        return server;
    }

    /// <summary>Starts the server again; it is empty, as nothing is saved.</summary>
    public async Task RestartAsync()
    {
        string[] arguments = ["--port", $"{_port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder.FullName, .. _arguments];
        _process = Process.Start(new ProcessStartInfo("redis-server", arguments) { RedirectStandardOutput = true })!;
        string? line;
        do
        {
            line = await _process.StandardOutput.ReadLineAsync().Soon();
            Assert.True(line is not null, "redis-server ended; is Debian's package redis-server installed?");
        }
        while (!line.Contains("Ready to accept connections", StringComparison.Ordinal));
        _ = _process.StandardOutput.ReadToEndAsync();
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().Soon();
        _process.Dispose();
    }

    /// <summary>Connections stay open and nothing is answered.</summary>
    public void Freeze() => Assert.Equal(0, Kill(_process.Id, StopSignal));

    public void Thaw() => Assert.Equal(0, Kill(_process.Id, ContinueSignal));

    /// <summary>What the server holds, as another client sees it.</summary>
    public async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> command)
    {
        using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(Connection).Soon();
        return await command(connection.GetDatabase()).Soon();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Delete(recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
