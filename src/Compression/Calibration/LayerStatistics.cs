using KvCluster.Compression.Blocks;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>What calibration saw of one layer. Heads stand in sets of neighbours; products across heads are kept within a set.</summary>
public sealed class LayerStatistics
{
    private readonly int _headSize;

    /// <param name="geometry">Of the model's KV.</param>
    /// <param name="headsPerSet">Divides the number of KV heads.</param>
    public LayerStatistics(KvGeometry geometry, int headsPerSet)
    {
        ArgumentNullException.ThrowIfNull(geometry);
        if (headsPerSet < 1 || geometry.KvHeadCount % headsPerSet != 0)
        {
            throw new ArgumentException($"{geometry.KvHeadCount} KV heads do not fall into groups of {headsPerSet}.", nameof(headsPerSet));
        }

        Geometry = geometry;
        HeadsPerSet = headsPerSet;
        _headSize = geometry.HeadSize;
        int setCount = geometry.KvHeadCount / headsPerSet;
        Keys = [.. Enumerable.Range(0, setCount).Select(_ => new GramMatrix(headsPerSet * _headSize))];
        Values = [.. Enumerable.Range(0, setCount).Select(_ => new GramMatrix(headsPerSet * _headSize))];
        Queries = [.. Enumerable.Range(0, geometry.KvHeadCount).Select(_ => new GramMatrix(_headSize))];
    }

    public KvGeometry Geometry { get; }

    public int HeadsPerSet { get; }

    /// <summary>Of K after RoPE, by set.</summary>
    public IReadOnlyList<GramMatrix> Keys { get; }

    /// <summary>Of V, by set.</summary>
    public IReadOnlyList<GramMatrix> Values { get; }

    /// <summary>Of the query heads of each KV head after RoPE: several rows a token with grouped queries.</summary>
    public IReadOnlyList<GramMatrix> Queries { get; }

    /// <summary>By KV head: Σ over its query heads of W_O,h·W_O,hᵀ, [d][d].</summary>
    public IReadOnlyList<Matrix<double>> Outputs { get; init; } = [];

    /// <summary>W_Kᵀ·W_K over all KV channels; what SVD on weights needs.</summary>
    public Matrix<double>? KeyWeights { get; init; }

    /// <summary>W_Vᵀ·W_V over all KV channels.</summary>
    public Matrix<double>? ValueWeights { get; init; }

    /// <summary>The statistics of some heads of one set: which of <paramref name="sets"/>, and their elements in it.</summary>
    public (GramMatrix Gram, int[] Elements) Select(IReadOnlyList<GramMatrix> sets, IReadOnlyList<int> kvHeads)
    {
        ArgumentNullException.ThrowIfNull(sets);
        ArgumentNullException.ThrowIfNull(kvHeads);
        int set = kvHeads[0] / HeadsPerSet;
        if (kvHeads.Any(head => head / HeadsPerSet != set))
        {
            throw new ArgumentException($"KV heads {string.Join(", ", kvHeads)} were not observed together.", nameof(kvHeads));
        }

        return (sets[set], Channels([.. kvHeads.Select(head => head % HeadsPerSet)]));
    }

    /// <summary>Channels of heads, one head after the other.</summary>
    public int[] Channels(IReadOnlyList<int> heads) =>
        [.. heads.SelectMany(head => Enumerable.Range(head * _headSize, _headSize))];
}
