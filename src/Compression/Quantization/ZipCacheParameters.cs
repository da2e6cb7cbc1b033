using System.Globalization;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>What a <c>zipcache</c> stage says of its payload, defaults filled in: for the quantiser, and for kernels that read what it writes.</summary>
/// <param name="HighBitCount">Bits of salient tokens.</param>
/// <param name="LowBitCount">Bits of the others.</param>
/// <param name="SalientTokenCount">Of a Block: 16, 32 or 48.</param>
/// <param name="KeyBitCount">Bits of all of K; null: as V.</param>
/// <param name="AreKeysChannelwise">K has its parameters by channel; else by token.</param>
/// <param name="IsRandom">Tokens are chosen by chance.</param>
public sealed record ZipCacheParameters(
    int HighBitCount, int LowBitCount, int SalientTokenCount, int? KeyBitCount, bool AreKeysChannelwise, bool IsRandom)
{
    /// <param name="stage">Of this name.</param>
    /// <exception cref="CodecSpecException">A parameter is none of those that there are.</exception>
    public static ZipCacheParameters Of(CodecStage stage)
    {
        ArgumentNullException.ThrowIfNull(stage);
        return Of(new StageParameters(stage.ToString(), stage));
    }

    internal static ZipCacheParameters Of(StageParameters parameters)
    {
        int high = parameters.OneOf("high", 4, 8, 4, 3);
        int low = parameters.OneOf("low", 2, 4, 3, 2);
        if (high <= low)
        {
            throw parameters.Fail($"salient tokens need more bits than the others: high={high}, low={low}.");
        }

        int count = Quantisers.TokenCount(parameters.Number("salient", 0.25, 0, 1));
        bool isRandom = parameters.OneOf("choose", "saliency", "saliency", "random") == "random";
        string keyBits = parameters.OneOf("keybits", "4", "mixed", "8", "4", "3");
        bool areKeysChannelwise = parameters.OneOf("keys", "token", "token", "channel") == "channel";
        return new ZipCacheParameters(
            high, low, count, keyBits == "mixed" ? null : int.Parse(keyBits, CultureInfo.InvariantCulture), areKeysChannelwise, isRandom);
    }
}
