namespace KvCluster.Standins.Orleans.Tests;

public sealed class BasketState
{
    public string Owner { get; set; } = "nobody";

    public Dictionary<string, List<int>> Items { get; set; } = [];
}
