using System.Net.Sockets;
using KvCluster.ServiceDefaults.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Makes, starts and runs the web applications of the cluster's processes.</summary>
public static class ServiceHost
{
    /// <summary>Prefix of environment variables, e.g. <c>KVCLUSTER_KVSTORE__MEMORYBUDGETBYTES</c>.</summary>
    public const string EnvironmentPrefix = "KVCLUSTER_";

    /// <summary>
    /// A builder whose configuration is, later ones first: <paramref name="settings"/>, the command line, <c>KVCLUSTER_</c> variables,
    /// <c>appsettings.json</c> of the working folder.
    /// </summary>
    /// <param name="args">Command line, e.g. <c>--KvStore:MemoryBudgetBytes=1000000</c>.</param>
    /// <param name="settings">Set by a process that composes several hosts.</param>
    /// <param name="isEmbedded">The process has signals and the console to itself.</param>
    public static WebApplicationBuilder CreateBuilder(
        string[] args, IEnumerable<KeyValuePair<string, string?>>? settings = null, bool isEmbedded = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration
            .AddJsonFile("appsettings.json", optional: true, reloadOnChange: false)
            .AddEnvironmentVariables(EnvironmentPrefix)
            .AddCommandLine(args)
            .AddInMemoryCollection(settings ?? []);
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRouting();
        builder.Services.Configure<ConsoleLifetimeOptions>(console => console.SuppressStatusMessages = true);

        // A host that is not ready says so to whoever asks, and a start that fails is HostStartException's one line.
        builder.Logging
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("System.Net.Http", LogLevel.Warning)
            .AddFilter("Grpc", LogLevel.Warning)
            .AddFilter("Orleans", LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None)
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical)
            .AddFilter("KvCluster", isEmbedded ? LogLevel.Warning : LogLevel.Information)
            .AddConfiguration(builder.Configuration.GetSection("Logging"))
            .AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss.fff ";
            });

        // Stdout belongs to answers and to the line that says ready.
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (isEmbedded)
        {
            builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        }

        return builder;
    }

    /// <summary>Starts a host.</summary>
    /// <exception cref="HostStartException">It can't: settings are wrong or an address is in use.</exception>
    public static async Task StartAsync(WebApplication app, CancellationToken cancellationToken = default)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (OptionsValidationException error)
        {
            throw new HostStartException(OptionsBinder.Describe(error), HostStartException.BadSettings, error);
        }
        catch (IOException error) when (error.InnerException is AddressInUseException)
        {
            throw new HostStartException($"{error.Message} Stop what listens there, or choose another address.", innerException: error);
        }
        catch (SocketException error)
        {
            throw new HostStartException($"The host can't listen: {error.Message}.", innerException: error);
        }
    }

    /// <summary>
    /// Runs a host until it is told to stop. Prints <c>ready</c> and its addresses when it serves; a start that fails is one line on the
    /// error stream, and so is what ended it while it ran (<see cref="HostFault"/>).
    /// </summary>
    /// <param name="build">Makes it.</param>
    /// <param name="errors">Null: the process's error stream.</param>
    /// <returns>The process's exit code: 0 stopped, 1 or 2 not started (<see cref="HostStartException"/>), 3 a <see cref="HostFault"/>.</returns>
    public static async Task<int> RunAsync(Func<WebApplication> build, TextWriter? errors = null)
    {
        errors ??= Console.Error;
        try
        {
            await using WebApplication app = build();
            await StartAsync(app);
            await Console.Out.WriteLineAsync($"ready {string.Join(' ', Addresses(app.Services))}");
            Task<string> fault = app.Services.GetRequiredService<HostFault>().Message;
            Task stopped = app.WaitForShutdownAsync();
            if (await Task.WhenAny(fault, stopped) == fault || fault.IsCompleted)
            {
                await errors.WriteLineAsync($"error: {await fault}");
            }

            try
            {
                await stopped;
            }
            catch (OperationCanceledException) when (fault.IsCompleted)
            {
                // The stop ran out of time; what it waited for hangs on what was lost.
            }

            return fault.IsCompleted ? HostFault.ExitCode : 0;
        }
        catch (HostStartException error)
        {
            await errors.WriteLineAsync($"error: {error.Message}");
            return error.ExitCode;
        }
    }

    /// <summary>Where a started host really listens, as <see cref="Protocol.GrpcChannels"/> takes it; in the order of the Listen calls.</summary>
    public static IReadOnlyList<string> Addresses(IServiceProvider services) =>
    [
        .. services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .Select(address => address.Replace("http://unix:", "unix://", StringComparison.Ordinal)),
    ];
}
