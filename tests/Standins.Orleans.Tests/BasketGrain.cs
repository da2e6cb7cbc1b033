using Orleans;
using Orleans.Runtime;

namespace KvCluster.Standins.Orleans.Tests;

internal interface IBasketGrain : IGrainWithStringKey
{
    public Task Put(string owner, string item, int count);

    public Task<string> Describe();

    public Task Write();

    public Task Read();

    public Task Clear();

    /// <summary>Writes through a second handle to the same record.</summary>
    public Task WriteBehindItsBack();

    public Task Leave();
}

internal sealed class BasketGrain(
    [PersistentState("basket", "baskets")] IPersistentState<BasketState> basket,
    Journal journal,
    [PersistentState("basket", "baskets")] IPersistentState<BasketState> twin) : Grain, IBasketGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Write($"activated with {basket.State.Owner}");
        return Task.CompletedTask;
    }

    public Task Put(string owner, string item, int count)
    {
        basket.State.Owner = owner;
        basket.State.Items[item] = [.. basket.State.Items.GetValueOrDefault(item) ?? [], count];
        return Task.CompletedTask;
    }

    public Task<string> Describe()
    {
        var items = basket.State.Items.OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Key}:{string.Join('+', pair.Value)}");
        return Task.FromResult($"{basket.State.Owner} [{string.Join(' ', items)}] exists {basket.RecordExists} etag {basket.Etag ?? "none"}");
    }

    public Task Write() => basket.WriteStateAsync();

    public Task Read() => basket.ReadStateAsync();

    public Task Clear() => basket.ClearStateAsync();

    public async Task WriteBehindItsBack()
    {
        await twin.ReadStateAsync();
        twin.State.Owner = "twin";
        await twin.WriteStateAsync();
    }

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public sealed class BasketState
{
    public string Owner { get; set; } = "nobody";

    public Dictionary<string, List<int>> Items { get; set; } = [];
}
