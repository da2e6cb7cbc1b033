using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>Statistics of rows that tests choose.</summary>
internal static class Statistics
{
    /// <param name="geometry">One layer of it.</param>
    /// <param name="headsPerSet">Observed together.</param>
    /// <param name="keys">[tokens][KV heads · head size].</param>
    /// <param name="values">As <paramref name="keys"/>.</param>
    /// <param name="queries">As <paramref name="keys"/>; null: the keys.</param>
    public static LayerStatistics Of(
        KvGeometry geometry, int headsPerSet, Matrix<double> keys, Matrix<double> values, Matrix<double>? queries = null)
    {
        int size = geometry.HeadSize;
        var statistics = new LayerStatistics(geometry, headsPerSet)
        {
            Outputs = [.. Enumerable.Range(0, geometry.KvHeadCount).Select(head => Rows.SecondMoment(Rows.Decaying(100 + head, 96, size)))],
        };
        for (int set = 0; set < statistics.Keys.Count; set++)
        {
            int start = set * headsPerSet * size;
            statistics.Keys[set].Add(Rows.ToSingles(keys).AsSpan(start), keys.RowCount, keys.ColumnCount);
            statistics.Values[set].Add(Rows.ToSingles(values).AsSpan(start), values.RowCount, values.ColumnCount);
        }

        for (int head = 0; head < geometry.KvHeadCount; head++)
        {
            statistics.Queries[head].Add(Rows.ToSingles(queries ?? keys).AsSpan(head * size), keys.RowCount, keys.ColumnCount);
        }

        return statistics;
    }
}
