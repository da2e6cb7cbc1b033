using Orleans;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IContextGrain : IGrainWithIntegerKey
{
    public Task<string> ReplaceTenant(string tenant);

    public Task<long> Integer();
}

/// <summary>A plain class, without the base class.</summary>
internal sealed class ContextGrain(IGrainContext context) : IGrainBase, IContextGrain
{
    public IGrainContext GrainContext { get; } = context;

    public async Task<string> ReplaceTenant(string tenant)
    {
        var old = RequestContext.Get("tenant");
        RequestContext.Set("tenant", tenant);
        await Task.Yield();
        return $"{old} then {RequestContext.Get("tenant")}";
    }

    public Task<long> Integer() => Task.FromResult(this.GetPrimaryKeyLong());
}
