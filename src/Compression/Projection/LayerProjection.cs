using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Projection;

/// <summary>
/// Maps the keys and values of one layer to latent channels and back, as its <see cref="LayerProfile"/> says. Keys are projected after RoPE,
/// so queries are projected once per new token and attention never rebuilds a key (papers.md 1.2 P1; ZACK, arXiv 2408.04107).
/// </summary>
internal sealed unsafe class LayerProjection
{
    /// <summary>Floats after a query's or an output's channels when the group has means: one is used, the rest keep rows aligned.</summary>
    public const int MeanWidth = 16;

    private const int Tokens = KvGeometry.BlockTokenCount;
    private readonly GroupMaps[] _groups;
    private readonly int[] _groupOf;
    private readonly int[] _memberOf;

    public LayerProjection(KvGeometry geometry, LayerProfile profile)
    {
        _groups = [.. profile.Groups.Select(group => new GroupMaps(geometry, group))];
        _groupOf = new int[geometry.KvHeadCount];
        _memberOf = new int[geometry.KvHeadCount];
        var seen = new HashSet<int>();
        for (int g = 0; g < _groups.Length; g++)
        {
            IReadOnlyList<int> heads = profile.Groups[g].KvHeads;
            for (int member = 0; member < heads.Count; member++)
            {
                if (!seen.Add(heads[member]) || (uint)heads[member] >= (uint)geometry.KvHeadCount)
                {
                    throw new ArgumentException($"KV head {heads[member]} is in two groups, or not in the model.", nameof(profile));
                }

                _groupOf[heads[member]] = g;
                _memberOf[heads[member]] = member;
            }
        }

        if (seen.Count != geometry.KvHeadCount)
        {
            throw new ArgumentException($"The groups hold {seen.Count} of {geometry.KvHeadCount} KV heads.", nameof(profile));
        }

        Groups = profile.Groups;
        HeadSets = [.. profile.Groups.Select(group => group.KvHeads)];
        Shape = new LatentShape([.. profile.Groups.Select(group => (group.KeyRank, group.ValueRank))]);
    }

    public LatentShape Shape { get; }

    /// <summary>The maps, by latent head.</summary>
    public IReadOnlyList<HeadGroup> Groups { get; }

    /// <summary>KV heads by latent head.</summary>
    public IReadOnlyList<IReadOnlyList<int>> HeadSets { get; }

    /// <summary>The latent head of a KV head.</summary>
    public int GroupOf(int kvHead) => _groupOf[kvHead];

    public int QueryWidth(int kvHead) => _groups[_groupOf[kvHead]].QueryWidth;

    public int OutputWidth(int kvHead) => _groups[_groupOf[kvHead]].OutputWidth;

    /// <summary>An open layer in 32 bits to latent channels.</summary>
    public void Project(float* openLayer, float* latent)
    {
        for (int g = 0; g < _groups.Length; g++)
        {
            _groups[g].ProjectKeys(openLayer, latent + Shape.KeyOffset(g));
            _groups[g].ProjectValues(openLayer, latent + Shape.ValueOffset(g));
        }
    }

    /// <summary>Latent channels to the open layer they stand for.</summary>
    public void Restore(float* latent, float* openLayer)
    {
        for (int g = 0; g < _groups.Length; g++)
        {
            _groups[g].RestoreKeys(latent + Shape.KeyOffset(g), openLayer);
            _groups[g].RestoreValues(latent + Shape.ValueOffset(g), openLayer);
        }
    }

    public void ProjectQueries(int kvHead, float* queries, int queryCount, float* projected) =>
        _groups[_groupOf[kvHead]].ProjectQueries(_memberOf[kvHead], queries, queryCount, projected);

    public void ExpandOutput(int kvHead, float* gathered, int queryCount, float* output) =>
        _groups[_groupOf[kvHead]].ExpandOutput(_memberOf[kvHead], gathered, queryCount, output);

    /// <summary>scores += q·mean, which the projected query carries.</summary>
    public void AddMeanScores(int kvHead, float* projected, int queryCount, float* scores)
    {
        GroupMaps group = _groups[_groupOf[kvHead]];
        if (group.HasKeyMean)
        {
            for (int i = 0; i < queryCount; i++)
            {
                var row = new Span<float>(scores + ((nint)i * Tokens), Tokens);
                TensorPrimitives.Add(row, projected[((nint)i * group.QueryWidth) + group.KeyRank], row);
            }
        }
    }

    /// <summary>Gathers the sum of weights (in 16 lanes, then lane by lane: the same on every instruction set), by which the mean of V will be multiplied.</summary>
    public void AddMeanWeights(int kvHead, float* weights, int queryCount, float* gathered)
    {
        GroupMaps group = _groups[_groupOf[kvHead]];
        if (group.HasValueMean)
        {
            for (int i = 0; i < queryCount; i++)
            {
                gathered[((nint)i * group.OutputWidth) + group.ValueRank] += Sum(weights + ((nint)i * Tokens));
            }
        }
    }

    private static float Sum(float* weights)
    {
        Vector512<float> lanes = Vector512.Load(weights) + Vector512.Load(weights + 16) + Vector512.Load(weights + 32) + Vector512.Load(weights + 48);
        Vector256<float> eight = lanes.GetLower() + lanes.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return four[0] + four[1] + (four[2] + four[3]);
    }
}
