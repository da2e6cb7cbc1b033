using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>Identifies what decides the bytes of payloads.</summary>
internal static class CodecFingerprint
{
    /// <summary>The first 8 bytes, little-endian, of SHA-256 over the payload format's name, the spec and the geometry.</summary>
    /// <param name="payloadFormat">Changes whenever the bytes that a codec writes change, e.g. <c>int/1</c>.</param>
    /// <param name="spec">Canonical.</param>
    /// <param name="geometry">What the codec was made for.</param>
    public static ulong Of(string payloadFormat, string spec, KvGeometry geometry)
    {
        string text = $"{payloadFormat}|{spec}|{geometry.LayerCount}|{geometry.KvHeadCount}|{geometry.HeadSize}";
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
