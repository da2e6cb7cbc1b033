using Google.Protobuf;

namespace KvCluster.Protocol;

/// <summary>The field held_bits of LookupReply: one bit a block, the lowest bit of the first byte first.</summary>
public static class HeldBits
{
    public static ByteString Pack(ReadOnlySpan<bool> isHeld)
    {
        byte[] bits = new byte[(isHeld.Length + 7) / 8];
        for (int i = 0; i < isHeld.Length; i++)
        {
            bits[i / 8] |= (byte)((isHeld[i] ? 1 : 0) << (i % 8));
        }

        return UnsafeByteOperations.UnsafeWrap(bits);
    }

    /// <summary>Whether block <paramref name="index"/> is held; false past the end.</summary>
    public static bool Get(ByteString bits, int index) => index / 8 < bits.Length && ((bits[index / 8] >> (index % 8)) & 1) != 0;
}
