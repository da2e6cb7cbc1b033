using KvCluster.KvStore.Eviction;

namespace KvCluster.KvStore.Tests.Eviction;

internal sealed class TestEntry(int number, int depth = 0) : EvictionEntry(TestSlabs.Id(number), depth)
{
    public int Number { get; } = number;

    public override string ToString() => $"{Number}";
}
