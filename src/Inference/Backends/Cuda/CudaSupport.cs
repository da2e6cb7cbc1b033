using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda;

/// <summary>What the CUDA backend runs, and in one line why it does not.</summary>
internal static class CudaSupport
{
    private const int WidthMultiple = 8;

    /// <exception cref="ModelLoadException">The model or the codec is not for this backend.</exception>
    public static AttentionFormat Require(ModelConfig config, KvCodec codec)
    {
        if (codec.Geometry != ModelKvGeometry.Of(config))
        {
            throw new ArgumentException($"The codec is for {codec.Geometry}, the model has {ModelKvGeometry.Of(config)}.", nameof(codec));
        }

        if (!AttentionFormat.TryCreate(codec, config.HeadCount / config.KvHeadCount, out AttentionFormat? format, out string? reason))
        {
            throw new ModelLoadException($"No CUDA: {reason}");
        }

        return config.HiddenSize % WidthMultiple == 0
            ? format
            : throw new ModelLoadException($"No CUDA: hidden size {config.HiddenSize} is not a multiple of {WidthMultiple}.");
    }

    /// <summary>Why a runner could not be made.</summary>
    public static string Describe(CudaException error, CudaDevice device)
    {
        string message = error.IsOutOfMemory && !error.IsDeviceLost
            ? $"{device} has too little free memory: {error.Message[..^1]}, {device.FreeBytes()} of {device.MemoryBytes} bytes are free."
            : error.Message;
        return $"No CUDA: {message.ReplaceLineEndings(" ")}";
    }
}
