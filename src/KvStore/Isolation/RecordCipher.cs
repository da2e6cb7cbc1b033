using System.Buffers.Binary;
using System.Security.Cryptography;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Isolation;

/// <summary>
/// Seals the slabs of a record with AES-256-GCM, and opens them. Authenticated with each slab: the record's header with BlockId (which follows
/// from the tenant), lengths and key, and the layer. Thread-safe.
/// </summary>
/// <remarks>
/// A nonce is never used twice with a key: every record has a key of its own, derived from the configured one and 128 random bits, and within it
/// the nonce is a number that this process counts up and the layer. A repeat takes the same random bits and the same number in two records.
/// </remarks>
internal sealed class RecordCipher(EncryptionKeys keys)
{
    public const int TagSizeBytes = 16;
    public const int SaltSizeBytes = 16;

    private const int NonceSizeBytes = 12;
    private const int ContextSizeBytes = RecordHeader.AuthenticatedBytes + sizeof(int);

    /// <summary>Nothing is sealed, and nothing sealed is opened.</summary>
    public static readonly RecordCipher None = new(EncryptionKeys.None);

    private readonly Lock _lock = new();
    private readonly HashSet<ulong> _unknown = [];
    private ulong _recordNumber;

    /// <summary>Whether what is written is sealed.</summary>
    public bool IsSealing => keys.Writer is not null;

    public bool Knows(ulong keyFingerprint) => keys.TryFind(keyFingerprint, out _);

    /// <summary>Whether a record is as it would be written now: sealed with the first key, or plain when there is none.</summary>
    public bool IsCurrent(RecordSeal? seal) => seal?.KeyFingerprint == keys.Writer?.Fingerprint;

    /// <summary>Whether this is the first time that this key is missed; each is to be logged once.</summary>
    public bool IsFirstMiss(ulong keyFingerprint)
    {
        lock (_lock)
        {
            return _unknown.Add(keyFingerprint);
        }
    }

    /// <summary>Seals slabs and completes the header of their record.</summary>
    /// <param name="head">Header and table, with everything but the seal.</param>
    /// <param name="slabs">What is to be sealed, by layer.</param>
    /// <param name="sealedSlabs">Where it goes, of the same sizes.</param>
    public void Seal(Span<byte> head, IReadOnlyList<Memory<byte>> slabs, IReadOnlyList<Memory<byte>> sealedSlabs)
    {
        EncryptionKey key = keys.Writer ?? throw new InvalidOperationException("There is no key to seal with.");
        Span<byte> table = RecordHeader.SealTableOf(head, slabs.Count);
        Span<byte> salt = table[..SaltSizeBytes];
        RandomNumberGenerator.Fill(salt);
        ulong number = Interlocked.Increment(ref _recordNumber);
        RecordHeader.WriteKey(head, key.Fingerprint, number);
        using AesGcm aes = key.Derive(salt);
        Span<byte> nonce = stackalloc byte[NonceSizeBytes];
        Span<byte> context = stackalloc byte[ContextSizeBytes];
        for (int layer = 0; layer < slabs.Count; layer++)
        {
            Prepare(head, number, layer, nonce, context);
            aes.Encrypt(nonce, slabs[layer].Span, sealedSlabs[layer].Span, TagOf(table, layer), context);
        }

        RecordHeader.CompleteSealed(head, slabs.Count, ChecksumOf(sealedSlabs));
    }

    /// <summary>Opens slabs in place. False when any of it is not as it was sealed; their bytes are then of no use.</summary>
    /// <param name="head">Header and table of a record whose key is known.</param>
    /// <param name="seal">Of that header.</param>
    /// <param name="slabs">By layer.</param>
    public bool TryOpen(ReadOnlySpan<byte> head, in RecordSeal seal, IReadOnlyList<Memory<byte>> slabs)
    {
        if (!keys.TryFind(seal.KeyFingerprint, out EncryptionKey? key))
        {
            return false;
        }

        ReadOnlySpan<byte> table = RecordHeader.SealTableOf(head, slabs.Count);
        using AesGcm aes = key.Derive(table[..SaltSizeBytes]);
        Span<byte> nonce = stackalloc byte[NonceSizeBytes];
        Span<byte> context = stackalloc byte[ContextSizeBytes];
        try
        {
            for (int layer = 0; layer < slabs.Count; layer++)
            {
                Prepare(head, seal.RecordNumber, layer, nonce, context);
                aes.Decrypt(nonce, slabs[layer].Span, TagOf(table, layer), slabs[layer].Span, context);
            }

            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    /// <summary>CRC-32C of sealed slabs, by which damage is found without the key.</summary>
    public static uint ChecksumOf(IReadOnlyList<Memory<byte>> slabs)
    {
        uint checksum = 0;
        foreach (Memory<byte> slab in slabs)
        {
            checksum = Compression.Blocks.Crc32C.Append(checksum, slab.Span);
        }

        return checksum;
    }

    private static void Prepare(ReadOnlySpan<byte> head, ulong number, int layer, Span<byte> nonce, Span<byte> context)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(nonce, number);
        BinaryPrimitives.WriteInt32LittleEndian(nonce[sizeof(ulong)..], layer);
        head[..RecordHeader.AuthenticatedBytes].CopyTo(context);
        BinaryPrimitives.WriteInt32LittleEndian(context[RecordHeader.AuthenticatedBytes..], layer);
    }

    private static Span<byte> TagOf(Span<byte> table, int layer) => table.Slice(SaltSizeBytes + (TagSizeBytes * layer), TagSizeBytes);

    private static ReadOnlySpan<byte> TagOf(ReadOnlySpan<byte> table, int layer) => table.Slice(SaltSizeBytes + (TagSizeBytes * layer), TagSizeBytes);
}
