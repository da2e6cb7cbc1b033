using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Inference.Calibration;

/// <summary>What calibration takes from a model's weights.</summary>
internal static class WeightMoments
{
    /// <summary>Empty statistics of every layer, with the moments of its weights.</summary>
    public static LayerStatistics[] Begin(ModelFolder folder, int headsPerSet) =>
        [.. Enumerable.Range(0, folder.Config.LayerCount).Select(layer => Begin(folder, layer, headsPerSet))];

    private static LayerStatistics Begin(ModelFolder folder, int layer, int headsPerSet)
    {
        KvGeometry geometry = ModelKvGeometry.Of(folder.Config);
        string prefix = $"model.layers.{layer}.self_attn.";
        return new LayerStatistics(geometry, headsPerSet)
        {
            Outputs = Outputs(folder.Config, folder.Tensors.GetTensor(prefix + "o_proj.weight")),
            KeyWeights = Inner(folder.Tensors.GetTensor(prefix + "k_proj.weight"), geometry.ChannelCount, folder.Config.HiddenSize),
            ValueWeights = Inner(folder.Tensors.GetTensor(prefix + "v_proj.weight"), geometry.ChannelCount, folder.Config.HiddenSize),
        };
    }

    /// <summary>Products of the rows of a [channels][hidden] weight: the channels' second moment under white inputs.</summary>
    private static Matrix<double> Inner(TensorView tensor, int channelCount, int hiddenSize)
    {
        float[] weights = new float[channelCount * hiddenSize];
        tensor.Expect(channelCount, hiddenSize).ReadAsSingle(weights);
        var matrix = Matrix<double>.Build.Dense(channelCount, hiddenSize, (i, j) => weights[(i * hiddenSize) + j]);
        return matrix.TransposeAndMultiply(matrix);
    }

    private static Matrix<double>[] Outputs(ModelConfig config, TensorView tensor)
    {
        int size = config.HeadSize;
        int width = config.HeadCount * size;
        float[] weights = new float[config.HiddenSize * width];
        tensor.Expect(config.HiddenSize, width).ReadAsSingle(weights);
        int[] all = [.. Enumerable.Range(0, size)];
        int group = config.HeadCount / config.KvHeadCount;
        return [.. Enumerable.Range(0, config.KvHeadCount).Select(kvHead =>
        {
            var gram = new GramMatrix(size);
            for (int head = kvHead * group; head < (kvHead + 1) * group; head++)
            {
                gram.Add(weights.AsSpan(head * size), config.HiddenSize, width);
            }

            return gram.SecondMoment(all) * gram.RowCount;
        })];
    }
}
