namespace KvCluster.Compression.Quantization;

/// <summary>
/// How 4-bit codes lie in bytes: in groups of 16 elements and 8 bytes, byte j holds element j below and element j + 8 above, so
/// that one widening load gives both in order.
/// </summary>
internal static unsafe class NibbleOrder
{
    public const int GroupLength = 16;
    public const int GroupSizeBytes = 8;

    public static int Read(byte* row, int element)
    {
        int code = row[ByteIndex(element)];
        return IsHigh(element) ? code >> 4 : code & 0xF;
    }

    public static int ByteIndex(int element) => (element / GroupLength * GroupSizeBytes) + (element % GroupSizeBytes);

    public static bool IsHigh(int element) => element % GroupLength >= GroupSizeBytes;
}
