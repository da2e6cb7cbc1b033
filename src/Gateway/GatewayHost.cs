using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Options;

namespace KvCluster.Gateway;

/// <summary>Builds the Gateway.</summary>
public static class GatewayHost
{
    private const string Section = "Gateway";

    /// <summary>The whole app, not started, for a process that composes several hosts.</summary>
    /// <exception cref="HostStartException">The options are wrong; one line with every fault.</exception>
    /// <exception cref="Inference.Models.ModelLoadException">The model folder is missing or broken.</exception>
    public static WebApplication Create(GatewayOptions options) => Create(options, configure: null);

    /// <summary>
    /// The whole app of a process of its own. Settings come from appsettings.json, <c>KVCLUSTER_</c> variables and
    /// <paramref name="args"/>, by their names or in section <c>Gateway</c>.
    /// </summary>
    /// <exception cref="HostStartException">The options are wrong; one line with every fault.</exception>
    /// <exception cref="Inference.Models.ModelLoadException">The model folder is missing or broken.</exception>
    public static WebApplication Create(string[] args)
    {
        string[] names = [.. typeof(GatewayOptions).GetProperties().Select(property => property.Name)];
        CheckArguments(args, names);
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(args);
        return Build(builder, OptionsBinder.Bind<GatewayOptions>(builder.Configuration, Section));
    }

    /// <summary>Where a started Gateway serves HTTP.</summary>
    public static string HttpAddressOf(WebApplication app) => ServiceHost.Addresses(app.Services)[0];

    /// <summary>Where a started Gateway serves gRPC.</summary>
    public static string GrpcAddressOf(WebApplication app) => ServiceHost.Addresses(app.Services)[1];

    /// <param name="options">Checked here.</param>
    /// <param name="configure">Registers services ahead of the Gateway's own, e.g. a clock.</param>
    internal static WebApplication Create(GatewayOptions options, Action<IServiceCollection>? configure)
    {
        OptionsBinder.ThrowIfInvalid(options);
        WebApplicationBuilder builder = ServiceHost.CreateBuilder([], isEmbedded: true);
        configure?.Invoke(builder.Services);
        return Build(builder, options);
    }

    /// <summary>Misspelt settings would otherwise be ignored; those with a colon are of other sections.</summary>
    private static void CheckArguments(string[] args, string[] names)
    {
        foreach (string arg in args.Where(arg => arg.StartsWith("--", StringComparison.Ordinal)))
        {
            string name = arg[2..].Split('=')[0];
            if (!name.Contains(':') && !names.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                throw new HostStartException(
                    $"--{name} is not a setting; there are {string.Join(", ", names)}", HostStartException.BadSettings);
            }
        }
    }

    private static WebApplication Build(WebApplicationBuilder builder, GatewayOptions options)
    {
        builder.AddServiceDefaults("kvcluster-gateway");
        builder.ListenForHttp(ListenAddress.Parse(options.HttpAddress));
        builder.ListenForGrpc(ListenAddress.Parse(options.GrpcAddress));
        builder.AddGateway(options);
        WebApplication app = builder.Build();
        app.MapGateway();
        return app;
    }
}
