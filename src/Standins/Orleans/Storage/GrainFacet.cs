using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Activations;
using Orleans.Providers;
using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>A constructor parameter with <see cref="PersistentStateAttribute"/>.</summary>
internal sealed class GrainFacet(ParameterInfo parameter, PersistentStateAttribute configuration)
{
    public Type ParameterType => parameter.ParameterType;

    public static GrainFacet[] Of(Type grainClass)
    {
        var found = grainClass.GetConstructors().SelectMany(static constructor => constructor.GetParameters())
            .Select(static parameter => (parameter, attribute: parameter.GetCustomAttribute<PersistentStateAttribute>()))
            .Where(static pair => pair.attribute is not null);
        return [.. found.Select(static pair => new GrainFacet(pair.parameter, pair.attribute!))];
    }

    public object Create(Activation activation)
    {
        if (!ParameterType.IsGenericType || ParameterType.GetGenericTypeDefinition() != typeof(IPersistentState<>))
        {
            throw new OrleansConfigurationException(
                $"Parameter '{parameter.Name}' of {parameter.Member.DeclaringType} carries [PersistentState] but is no IPersistentState<T>.");
        }

        var state = ParameterType.GetGenericArguments()[0];
        return Activator.CreateInstance(typeof(PersistentState<>).MakeGenericType(state), activation, configuration.StateName, Storage(activation))!;
    }

    private IGrainStorage Storage(Activation activation)
    {
        var services = activation.Silo.Services;
        var name = configuration.StorageName;
        var storage = string.IsNullOrEmpty(name)
            ? services.GetService<IGrainStorage>() ?? services.GetKeyedService<IGrainStorage>(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME)
            : services.GetKeyedService<IGrainStorage>(name);
        return storage ?? throw new BadProviderConfigException(
            $"{activation.GrainId} wants storage '{name ?? ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME}', which is not registered. Add it with AddMemoryGrainStorage.");
    }
}
