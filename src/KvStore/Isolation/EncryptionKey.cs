using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace KvCluster.KvStore.Isolation;

/// <summary>
/// A key of 256 bits with which records are sealed. Records name it by 8 bytes that follow from its id and its bits, so that a wrong key
/// under the right id is told apart from damage.
/// </summary>
internal sealed class EncryptionKey
{
    public const int SizeBytes = 32;

    private readonly byte[] _bytes;

    /// <param name="id">Its name in the settings.</param>
    /// <param name="bytes"><see cref="SizeBytes"/> of them.</param>
    public EncryptionKey(string id, byte[] bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, SizeBytes, nameof(bytes));
        Id = id;
        _bytes = bytes;
        Span<byte> fingerprint = stackalloc byte[sizeof(ulong)];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, bytes, fingerprint, Encoding.UTF8.GetBytes(id), "kvcluster key fingerprint"u8);
        Fingerprint = BinaryPrimitives.ReadUInt64LittleEndian(fingerprint);
    }

    public string Id { get; }

    public ulong Fingerprint { get; }

    /// <summary>AES-256-GCM with the key that this one and <paramref name="salt"/> give. For one thread.</summary>
    public AesGcm Derive(ReadOnlySpan<byte> salt)
    {
        Span<byte> derived = stackalloc byte[SizeBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _bytes, derived, salt, "kvcluster record v2"u8);
        var aes = new AesGcm(derived, RecordCipher.TagSizeBytes);
        CryptographicOperations.ZeroMemory(derived);
        return aes;
    }
}
