namespace KvCluster.Compression.Blocks;

/// <summary>A <see cref="SlabError"/> for people and for metrics.</summary>
public static class SlabErrorText
{
    /// <summary>What is wrong, as a sentence.</summary>
    public static string Message(this SlabError error) => error switch
    {
        SlabError.None => "The slab is sound.",
        SlabError.Truncated => "The slab is shorter than its header says: it was cut off; fetch it again.",
        SlabError.BadMagic => "This is not a slab: it does not begin with KVB1.",
        SlabError.UnknownVersion => $"The slab's format version is not {Slab.Version}: it was written by a newer KvCluster; upgrade this reader.",
        SlabError.UnknownLayout => "The slab's element order is not one that this reader knows.",
        SlabError.HeaderChecksum => "The slab's header is damaged: its CRC-32C does not match.",
        SlabError.PayloadChecksum => "The slab's payload is damaged: its CRC-32C does not match.",
        SlabError.ForeignModel => "The slab was made by another model.",
        SlabError.ForeignCodec => "The slab was made by another codec, or with other parameters.",
        SlabError.WrongGeometry => "The slab has another number of KV heads or tokens, or another head size.",
        SlabError.WrongBlock => "The slab is of another Block than the one asked for.",
        SlabError.WrongLayer => "The slab is of another layer than the one asked for.",
        SlabError.WrongPosition => "The slab begins at another position of the Sequence.",
        SlabError.MalformedPayload => "The slab's payload does not have the structure that its codec writes.",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Not a SlabError."),
    };

    /// <summary>The value of the label <c>reason</c> in metrics: snake_case, never changed.</summary>
    public static string MetricName(this SlabError error) => error switch
    {
        SlabError.None => "none",
        SlabError.Truncated => "truncated",
        SlabError.BadMagic => "bad_magic",
        SlabError.UnknownVersion => "unknown_version",
        SlabError.UnknownLayout => "unknown_layout",
        SlabError.HeaderChecksum => "header_checksum",
        SlabError.PayloadChecksum => "payload_checksum",
        SlabError.ForeignModel => "foreign_model",
        SlabError.ForeignCodec => "foreign_codec",
        SlabError.WrongGeometry => "wrong_geometry",
        SlabError.WrongBlock => "wrong_block",
        SlabError.WrongLayer => "wrong_layer",
        SlabError.WrongPosition => "wrong_position",
        SlabError.MalformedPayload => "malformed_payload",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Not a SlabError."),
    };
}
