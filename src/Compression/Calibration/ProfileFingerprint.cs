using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace KvCluster.Compression.Calibration;

/// <summary>Tells Profiles apart by what is in them.</summary>
internal static class ProfileFingerprint
{
    /// <summary>The first 8 bytes, little-endian, of SHA-256 over everything that a codec is built from.</summary>
    public static ulong Of(StoredProfile profile)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string head = $"profile/1|{profile.Spec}|{profile.ModelFingerprint:x16}|{profile.Geometry}";
        hash.AppendData(Encoding.UTF8.GetBytes(head));
        foreach (IReadOnlyList<GroupBasis> layer in profile.Layers)
        {
            foreach (GroupBasis group in layer)
            {
                Append<int>(hash, [.. group.KvHeads]);
                Append(hash, group.Key);
                Append(hash, group.Value);
            }
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    private static void Append(IncrementalHash hash, SideBasis side)
    {
        Append(hash, side.Map);
        Append(hash, side.Inverse);
        Append(hash, side.Steps);
        Append(hash, side.Mean);
        Append(hash, side.Bits);
    }

    private static void Append<T>(IncrementalHash hash, T[] values)
        where T : unmanaged
    {
        hash.AppendData(BitConverter.GetBytes(values.Length));
        hash.AppendData(MemoryMarshal.AsBytes<T>(values));
    }
}
