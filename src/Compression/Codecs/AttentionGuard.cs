using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>Checks the arguments of attention calls once, so that kernels need not.</summary>
internal static class AttentionGuard
{
    /// <summary>Kernels work on 16 channels at a time.</summary>
    public const int ChannelMultiple = 16;

    /// <exception cref="ArgumentException">The head size is not a multiple of 16.</exception>
    public static void RequireSupported(KvGeometry geometry)
    {
        if (geometry is not { LayerCount: > 0, KvHeadCount: > 0, HeadSize: > 0 } || geometry.HeadSize % ChannelMultiple != 0)
        {
            throw new ArgumentException(
                $"Codecs need at least one layer and head, and a head size that is a multiple of {ChannelMultiple}: {geometry}", nameof(geometry));
        }
    }

    public static void RequireScores(
        KvGeometry geometry, int kvHead, int queriesLength, int queryCount, int queryWidth, int scoresLength) =>
        Require(geometry, kvHead, queryCount, queriesLength, queryWidth, scoresLength, KvGeometry.BlockTokenCount);

    public static void RequireValues(
        KvGeometry geometry, int kvHead, int weightsLength, int queryCount, int outputLength, int outputWidth) =>
        Require(geometry, kvHead, queryCount, weightsLength, KvGeometry.BlockTokenCount, outputLength, outputWidth);

    private static void Require(
        KvGeometry geometry, int kvHead, int queryCount, int inputLength, int inputRow, int outputLength, int outputRow)
    {
        if ((uint)kvHead >= (uint)geometry.KvHeadCount)
        {
            throw new ArgumentOutOfRangeException(nameof(kvHead), kvHead, $"There are {geometry.KvHeadCount} KV heads.");
        }

        if (queryCount < 0 || (long)queryCount * inputRow > inputLength || (long)queryCount * outputRow > outputLength)
        {
            throw new ArgumentException(
                $"{queryCount} queries of {inputRow} in and {outputRow} out do not fit {inputLength} and {outputLength} floats.", nameof(queryCount));
        }
    }
}
