namespace KvCluster.Inference.Tokenizers;

/// <summary>Switches of a BPE model; names in tokenizer.json in brackets.</summary>
internal sealed record BpeOptions
{
    /// <summary>The vocabulary is written in the characters of <see cref="ByteLevelAlphabet"/>.</summary>
    public bool IsByteLevel { get; init; }

    /// <summary>A character that is no token becomes tokens of its bytes [byte_fallback].</summary>
    public bool HasByteFallback { get; init; }

    /// <summary>A piece that is a token needs no merges [ignore_merges].</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Neighbouring unknown characters are one token [fuse_unk].</summary>
    public bool FusesUnknown { get; init; }

    /// <summary>Null: unknown characters are left out [unk_token].</summary>
    public int? UnknownId { get; init; }
}
