using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Activations;
using Orleans.Hosting;

namespace KvCluster.Standins.Orleans.Tests;

/// <summary>A host with a silo on a test clock, and the <see cref="Journal"/> its grains write to.</summary>
internal sealed class TestSilo : IAsyncDisposable
{
    private readonly IHost _host;

    private TestSilo(IHost host) => _host = host;

    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(30);

    public TestTimeProvider Clock => (TestTimeProvider)_host.Services.GetRequiredService<TimeProvider>();

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public Silo Silo => _host.Services.GetRequiredService<Silo>();

    public Journal Journal => _host.Services.GetRequiredService<Journal>();

    public IServiceProvider Services => _host.Services;

    public static async Task<TestSilo> StartAsync(Action<ISiloBuilder>? configure = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<TimeProvider>(new TestTimeProvider());
        builder.Services.AddSingleton<Journal>();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering();
            configure?.Invoke(silo);
        });
        var host = builder.Build();
        await host.StartAsync().WaitAsync(Patience);
        return new TestSilo(host);
    }

    public Task StopAsync() => _host.StopAsync().WaitAsync(Patience);

    /// <summary>Stops without waiting for anything that still runs.</summary>
    public Task StopAtOnceAsync() => Silo.StopAsync(new CancellationToken(canceled: true)).WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        await StopAtOnceAsync();
        await StopAsync();
        _host.Dispose();
    }
}
