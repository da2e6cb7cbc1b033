using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Tests.Projection;

/// <summary>What <see cref="HeadGroup"/> says, sum by sum, in 64 bits.</summary>
internal sealed class ProjectionOracle(KvGeometry geometry, HeadGroup group)
{
    private const int Tokens = 64;
    private readonly int _size = geometry.HeadSize;

    public double KeyLatent(float[] openLayer, int token, int channel) =>
        Latent(row => Key(openLayer, token, row), group.KeyMean, group.KeyMap, group.KeyRank, channel);

    public double ValueLatent(float[] openLayer, int token, int channel) =>
        Latent(row => Value(openLayer, token, row), group.ValueMean, group.ValueMap, group.ValueRank, channel);

    /// <summary>The key that scores against <paramref name="latent"/> amount to.</summary>
    public double Key(double[] latent, int member, int channel) =>
        Back(latent, group.KeyMean, group.QueryMap, group.KeyRank, (member * _size) + channel);

    public double Value(double[] latent, int member, int channel) =>
        Back(latent, group.ValueMean, group.OutputMap, group.ValueRank, (member * _size) + channel);

    private static double Back(double[] latent, float[] mean, float[] map, int rank, int row) =>
        (mean.Length > 0 ? mean[row] : 0) + Enumerable.Range(0, rank).Sum(channel => latent[channel] * map[(row * rank) + channel]);

    private double Latent(Func<int, double> x, float[] mean, float[] map, int rank, int channel) =>
        Enumerable.Range(0, group.KvHeads.Count * _size).Sum(row =>
            (x(row) - (mean.Length > 0 ? mean[row] : 0)) * map[(row * rank) + channel]);

    private double Key(float[] openLayer, int token, int row) => openLayer[Start(row) + (row % _size * Tokens) + token];

    private double Value(float[] openLayer, int token, int row) => openLayer[Start(row) + (Tokens * _size) + (token * _size) + (row % _size)];

    private int Start(int row) => 2 * Tokens * _size * group.KvHeads[row / _size];
}
