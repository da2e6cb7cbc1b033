using KvCluster.KvStore.Hosting;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;

namespace KvCluster.KvStore.Tests;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("http://*:8083", 8083, null, "0.0.0.0")]
    [InlineData("http://localhost:0", 0, null, null)]
    [InlineData("http://[::1]:81/", 81, null, "::1")]
    [InlineData("unix:///run/kv.sock", 0, "/run/kv.sock", null)]
    public void TryParse_ListenAddress_GivesItsParts(string text, int port, string? socketPath, string? ipAddress)
    {
        Assert.True(ListenAddress.TryParse(text, out ListenAddress? address));
        Assert.Equal((port, socketPath, ipAddress), (address.Port, address.SocketPath, address.IPAddress?.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("8083")]
    [InlineData("http://")]
    [InlineData("http://*:")]
    [InlineData("http://*:65536")]
    [InlineData("http://*:-1")]
    [InlineData("http://example.org:80")]
    [InlineData("https://*:80")]
    [InlineData("unix://run/kv.sock")]
    public void TryParse_NotAListenAddress_IsFalse(string text) => Assert.False(ListenAddress.TryParse(text, out _));

    [Fact]
    public void Bind_ManyFaults_ReportsAllInOneLine()
    {
        HostStartException error = Assert.Throws<HostStartException>(() => Bind(new()
        {
            ["KvStore:ListenAddress"] = "8083",
            ["KvStore:MemoryBudgetBytes"] = "lots",
            ["KvStore:PutTimeout"] = "-00:00:01",
            ["KvStore:MemoryBudget"] = "1",
        }));
        Assert.Equal(HostStartException.BadSettings, error.ExitCode);
        Assert.Contains("KvStore:ListenAddress must be http://host:port", error.Message, StringComparison.Ordinal);
        Assert.Contains("KvStore:MemoryBudgetBytes must be a whole number, not 'lots'", error.Message, StringComparison.Ordinal);
        Assert.Contains("KvStore:PutTimeout must be over 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("KvStore:MemoryBudget is not a setting; there are ListenAddress", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Bind_NoSettings_GivesTheDefaults()
    {
        KvStoreOptions options = Bind([]);
        Assert.Equal(("http://0.0.0.0:8083", 0L, TimeSpan.FromSeconds(30)), (options.ListenAddress, options.MemoryBudgetBytes, options.PutTimeout));
        Assert.InRange(options.EffectiveMemoryBudgetBytes, 1, long.MaxValue);
    }

    [Fact]
    public async Task Start_PortInUse_IsOneLineAndExitCode1()
    {
        await using TestStore store = await TestStore.StartAsync();
        await using WebApplication second = KvStoreHost.Build(
            [], new Dictionary<string, string?> { ["KvStore:ListenAddress"] = store.Addresses[0] }, isEmbedded: true);
        HostStartException error = await Assert.ThrowsAsync<HostStartException>(() => ServiceHost.StartAsync(second).Soon());
        Assert.Equal(HostStartException.Failed, error.ExitCode);
        Assert.Contains(store.Addresses[0], error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Start_SocketInUseOrLeftBehind_IsRefusedOrTakenOver()
    {
        string path = Path.Combine(Path.GetTempPath(), $"kvstore-{Guid.NewGuid():N}.sock");
        await File.WriteAllTextAsync(path, "");
        await using TestStore store = await TestStore.StartAsync(listenAddress: $"unix://{path}");
        await store.PutAsync([TestSlabs.Id(1)]);
        HostStartException error = Assert.Throws<HostStartException>(() => KvStoreHost.Build(
            [], new Dictionary<string, string?> { ["KvStore:ListenAddress"] = $"unix://{path}" }, isEmbedded: true));
        Assert.Contains($"unix://{path} is in use", error.Message, StringComparison.Ordinal);
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
    }

    private static KvStoreOptions Bind(Dictionary<string, string?> settings) =>
        OptionsBinder.Bind<KvStoreOptions>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), KvStoreOptions.Section);
}
