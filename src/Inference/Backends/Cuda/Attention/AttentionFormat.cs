using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Quantization;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>What the kernels must know of a codec's payloads.</summary>
/// <param name="HeadSize">64 or 128.</param>
/// <param name="BitCount">Of a code; 16: floats.</param>
/// <param name="SalientTokenCount">Tokens of a Block that stand first, in more bits; 0, 16, 32 or 48.</param>
/// <param name="SalientBitCount">Of their codes.</param>
/// <param name="HasSalientKeys">All codes of K are of so many bits, whatever the token; else K is as V.</param>
internal sealed record AttentionFormat(int HeadSize, int BitCount, int SalientTokenCount = 0, int SalientBitCount = 0, bool HasSalientKeys = false)
{
    /// <summary>Most query heads of a KV head: columns of the matrix instruction.</summary>
    public const int MaxGroupSize = 8;

    private const int RawBitCount = 16;
    private const int TokenCount = 64;

    /// <summary>Bytes of an open Block over those of a sealed one, rounded: entries it counts for when work is shared out.</summary>
    public int OpenWeight => Math.Max(1, 2 * RawBitCount * TokenCount * HeadSize / 8 / (HeadKeyBytes + HeadValueBytes));

    public bool IsRaw => BitCount == RawBitCount;

    /// <summary>No kernel is made for the payloads: unless some go by their tables, the codec decodes them to 16 bits on their way to the device.</summary>
    public bool IsDecoded { get; init; }

    /// <summary>Codes of K of one head, in bytes.</summary>
    public int HeadKeyBytes => CodeBytes(SalientKeyCount);

    /// <summary>Codes of V of one head, in bytes.</summary>
    public int HeadValueBytes => CodeBytes(SalientTokenCount);

    private int SalientKeyCount => HasSalientKeys ? TokenCount : SalientTokenCount;

    /// <summary>Macros of the kernel files.</summary>
    public IReadOnlyDictionary<string, int> Defines()
    {
        var defines = new Dictionary<string, int> { ["HEAD_SIZE"] = HeadSize, ["BITS"] = BitCount };
        if (SalientTokenCount > 0)
        {
            defines.Add("SALIENT", SalientTokenCount);
            defines.Add("HIGH", SalientBitCount);
            defines.Add("KEY_SALIENT", SalientKeyCount);
        }

        return defines;
    }

    /// <param name="codec">Whose payloads are attended to.</param>
    /// <param name="groupSize">Query heads of a KV head.</param>
    /// <param name="format">The format: that of its payloads, or of what they decode to.</param>
    /// <param name="reason">Else a line that says why there is none.</param>
    public static bool TryCreate(KvCodec codec, int groupSize, [NotNullWhen(true)] out AttentionFormat? format, [NotNullWhen(false)] out string? reason)
    {
        format = null;
        int headSize = codec.Geometry.HeadSize;
        if (headSize is not (64 or 128))
        {
            reason = $"The CUDA kernels read heads of 64 or 128 channels; this model's have {headSize}.";
            return false;
        }

        if (groupSize is < 1 or > MaxGroupSize)
        {
            reason = $"The CUDA kernels read 1 to {MaxGroupSize} query heads a KV head; this model has {groupSize}.";
            return false;
        }

        var spec = CodecSpec.Parse(codec.Spec);
        if (spec.Stages.Any(stage => stage.Name == "evict"))
        {
            reason = $"The CUDA kernels attend to all tokens of a Block; '{codec.Spec}' leaves some out.";
            return false;
        }

        // Until the end of their prompt, Blocks of the papers' mode are attended to in 16 bits.
        bool isRead = codec.Saliency is not { AfterPrompt: true };
        format = (isRead ? OfSpec(spec, headSize) : null) ?? Decoded(headSize);
        reason = null;
        return true;
    }

    /// <summary>Pages hold what payloads decode to.</summary>
    public static AttentionFormat Decoded(int headSize) => new(headSize, RawBitCount) { IsDecoded = true };

    private static AttentionFormat? OfSpec(CodecSpec spec, int headSize)
    {
        CodecStage stage = spec.Stages[0];
        if (spec.Stages.Count > 1)
        {
            return null;
        }

        return (stage.Name, stage.Parameters.Count) switch
        {
            ("raw", 0) => new AttentionFormat(headSize, RawBitCount),
            ("int8", 0) => new AttentionFormat(headSize, 8),
            ("int4", 0) => new AttentionFormat(headSize, 4),
            ("int2", 0) => new AttentionFormat(headSize, 2),
            ("zipcache", _) => OfZipCache(stage, headSize),
            _ => null,
        };
    }

    private static AttentionFormat? OfZipCache(CodecStage stage, int headSize)
    {
        var parameters = ZipCacheParameters.Of(stage);
        return parameters is { KeyBitCount: null or 4, AreKeysChannelwise: false, HighBitCount: 4, LowBitCount: 3 or 2 }
            ? new AttentionFormat(headSize, parameters.LowBitCount, parameters.SalientTokenCount, parameters.HighBitCount, parameters.KeyBitCount is not null)
            : null;
    }

    private int CodeBytes(int salientCount) => HeadSize * ((BitCount * (TokenCount - salientCount)) + (SalientBitCount * salientCount)) / 8;
}
