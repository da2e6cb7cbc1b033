using System.Reflection;
using KvCluster.ServiceDefaults.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KvCluster.ServiceDefaults.Options;

/// <summary>
/// Reads settings from configuration, written as <c>Name</c> or <c>Section:Name</c> (which wins), and reports every fault at once: unknown
/// names in the section, values of the wrong type, values out of range.
/// </summary>
public static class OptionsBinder
{
    /// <summary>Binds, validates and registers settings, and returns them, since where to listen is needed before the host is built.</summary>
    /// <exception cref="HostStartException">One line with every fault.</exception>
    public static TOptions AddValidatedOptions<TOptions>(this WebApplicationBuilder builder, string section)
        where TOptions : class, IValidatedOptions, new()
    {
        TOptions options = Bind<TOptions>(builder.Configuration, section);
        builder.Services.AddSingleton(Microsoft.Extensions.Options.Options.Create(options));
        return options;
    }

    /// <exception cref="HostStartException">One line with every fault.</exception>
    public static TOptions Bind<TOptions>(IConfiguration configuration, string section)
        where TOptions : class, IValidatedOptions, new()
    {
        var options = new TOptions();
        var faults = new List<string>();
        PropertyInfo[] properties = [.. typeof(TOptions).GetProperties().Where(property => property.SetMethod is { IsPublic: true })];
        IEnumerable<IConfigurationSection> bare = properties.Select(property => configuration.GetSection(property.Name)).Where(setting => setting.Value is not null);
        foreach (IConfigurationSection setting in bare.Concat(configuration.GetSection(section).GetChildren()))
        {
            PropertyInfo? property = properties.FirstOrDefault(
                property => property.Name.Equals(setting.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                faults.Add($"{section}:{setting.Key} is not a setting; there are {string.Join(", ", properties.Select(known => known.Name))}");
                continue;
            }

            try
            {
                property.SetValue(options, setting.Get(property.PropertyType));
            }
            catch (InvalidOperationException)
            {
                faults.Add($"{setting.Path} must be {Describe(property.PropertyType)}, not '{setting.Value}'");
            }
        }

        faults.AddRange(FaultsOf(options, section));
        ThrowIfAny(faults);
        return options;
    }

    /// <summary>For settings that code made, and not configuration; faults are named with the section when there is one.</summary>
    /// <exception cref="HostStartException">One line with every fault.</exception>
    public static void ThrowIfInvalid(IValidatedOptions options, string? section = null) => ThrowIfAny([.. FaultsOf(options, section)]);

    private static IEnumerable<string> FaultsOf(IValidatedOptions options, string? section) =>
        section is null ? options.Validate() : options.Validate().Select(fault => $"{section}:{fault}");

    private static void ThrowIfAny(List<string> faults)
    {
        if (faults.Count > 0)
        {
            throw new HostStartException(string.Join("; ", faults), HostStartException.BadSettings);
        }
    }

    private static string Describe(Type type) =>
        type == typeof(int) || type == typeof(long) ? "a whole number"
        : type == typeof(TimeSpan) ? "a time like 00:00:30"
        : type == typeof(bool) ? "true or false"
        : type == typeof(double) ? "a number"
        : type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type)).ToLowerInvariant()}"
        : $"a {type.Name}";

    internal static string Describe(OptionsValidationException error) => string.Join("; ", error.Failures);
}
