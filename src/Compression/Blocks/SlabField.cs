namespace KvCluster.Compression.Blocks;

/// <summary>Where each field begins in a slab's header: the byte table of docs/slab-format.md.</summary>
internal static class SlabField
{
    public const int Version = 4;
    public const int Layout = 6;
    public const int ModelFingerprint = 8;
    public const int CodecFingerprint = 16;
    public const int BlockId = 24;
    public const int Layer = 40;
    public const int FirstPosition = 44;
    public const int TokenCount = 48;
    public const int KvHeadCount = 52;
    public const int HeadSize = 56;
    public const int PayloadSize = 60;
    public const int WriterEpoch = 64;
    public const int PayloadChecksum = 72;
    public const int Reserved = 76;
    public const int HeaderChecksum = 124;
}
