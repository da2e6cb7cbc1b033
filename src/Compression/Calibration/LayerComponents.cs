namespace KvCluster.Compression.Calibration;

/// <summary>Principal components of one layer's centred K and V, by group of KV heads.</summary>
internal sealed class LayerComponents
{
    private readonly int[][] _groups;

    private LayerComponents(int[][] groups, PrincipalComponents[] keys, PrincipalComponents[] values)
    {
        _groups = groups;
        Keys = keys;
        Values = values;
    }

    /// <summary>By group.</summary>
    public IReadOnlyList<PrincipalComponents> Keys { get; }

    public IReadOnlyList<PrincipalComponents> Values { get; }

    public static LayerComponents Of(LayerStatistics statistics, int headsPerGroup) =>
        Of(statistics, HeadGrouping.Contiguous(statistics.Geometry.KvHeadCount, headsPerGroup));

    public static LayerComponents Of(LayerStatistics statistics, int[][] groups) => new(
        groups,
        [.. groups.Select(heads => PrincipalComponents.Of(statistics, statistics.Keys, heads))],
        [.. groups.Select(heads => PrincipalComponents.Of(statistics, statistics.Values, heads))]);

    /// <summary>Bases of the ranks that two rules find from a group's spectrum.</summary>
    public LayerCalibration Make(Func<int, IReadOnlyList<double>, int> keyRank, Func<int, IReadOnlyList<double>, int> valueRank) =>
        Assemble(
            (group, components) => components.Leading(keyRank(group, components.Eigen.Values)),
            (group, components) => components.Leading(valueRank(group, components.Eigen.Values)));

    public LayerCalibration Assemble(Func<int, PrincipalComponents, SideBasis> key, Func<int, PrincipalComponents, SideBasis> value) => new(
        [.. _groups.Select((heads, group) => new GroupBasis(heads, key(group, Keys[group]), value(group, Values[group])))],
        [.. Keys.Select(components => components.Eigen.Values)],
        [.. Values.Select(components => components.Eigen.Values)]);
}
