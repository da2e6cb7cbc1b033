using Orleans;
using Orleans.Concurrency;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IWorkerGrain : IGrainWithIntegerKey
{
    public Task<string> Work(string name);
}

[StatelessWorker(3)]
internal sealed class WorkerGrain(Journal journal) : Grain, IWorkerGrain
{
    public async Task<string> Work(string name)
    {
        journal.Write($"{name} begins");
        await journal.Pass(name);
        return GrainContext.ActivationId.ToString();
    }
}
