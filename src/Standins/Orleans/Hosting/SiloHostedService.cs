using Microsoft.Extensions.Hosting;
using Orleans.Activations;
using Orleans.Runtime;

namespace Orleans.Hosting;

/// <summary>Starts and stops the silo with its host.</summary>
internal sealed class SiloHostedService(Silo silo, Collector collector, IEnumerable<StartupStep> steps) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Check(silo.Collection.CollectionQuantum > TimeSpan.Zero, "GrainCollectionOptions.CollectionQuantum must be more than zero.");
        Check(
            silo.Collection.CollectionAge == Timeout.InfiniteTimeSpan || silo.Collection.CollectionAge > silo.Collection.CollectionQuantum,
            "GrainCollectionOptions.CollectionAge must be more than its CollectionQuantum.");
        foreach (var (name, age) in silo.Collection.ClassSpecificCollectionAge)
        {
            Check(
                age == Timeout.InfiniteTimeSpan || age > silo.Collection.CollectionQuantum,
                $"GrainCollectionOptions.ClassSpecificCollectionAge of {name} must be more than the CollectionQuantum.");
        }

        silo.Start();
        collector.Start();
        foreach (var step in steps.OrderBy(static step => step.Stage))
        {
            await step.Run(silo.Services, cancellationToken);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await silo.StopAsync(cancellationToken);
        collector.Dispose();
    }

    private static void Check(bool isRight, string message)
    {
        if (!isRight)
        {
            throw new OrleansConfigurationException(message);
        }
    }
}
