using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Orleans.Hosting;

/// <summary>Composes a silo.</summary>
public interface ISiloBuilder
{
    public IServiceCollection Services { get; }

    public IConfiguration Configuration { get; }
}

internal sealed class SiloBuilder(IServiceCollection services, IConfiguration configuration) : ISiloBuilder
{
    public IServiceCollection Services { get; } = services;

    public IConfiguration Configuration { get; } = configuration;
}

internal sealed record StartupStep(int Stage, Func<IServiceProvider, CancellationToken, Task> Run);
