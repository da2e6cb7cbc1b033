using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace KvCluster.Compression.Blocks;

/// <summary>
/// The hash chain that names Blocks: an id says which tokens a Block holds, everything before them, the model, the codec and
/// the tenant. SHA-256 cut to 128 bits, so that ids of another tenant can't be made.
/// </summary>
public static class BlockIdChain
{
    private static ReadOnlySpan<byte> OwnerSalt => "owner"u8;

    /// <summary>The parent of a Sequence's first Block.</summary>
    public static BlockId Root(string tenant, ulong modelFingerprint, ulong codecFingerprint)
    {
        byte[] salt = Encoding.UTF8.GetBytes(tenant);
        byte[] input = new byte[16 + salt.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(input, modelFingerprint);
        BinaryPrimitives.WriteUInt64LittleEndian(input.AsSpan(8), codecFingerprint);
        salt.CopyTo(input, 16);
        return Hash(input);
    }

    /// <summary>
    /// Says whose a Sequence's Blocks are without saying who that is, and without telling the ids of its Blocks: the same for all Sequences of one
    /// tenant, model and codec.
    /// </summary>
    public static BlockId OwnerOf(BlockId root)
    {
        Span<byte> input = stackalloc byte[BlockId.SizeBytes + OwnerSalt.Length];
        root.Write(input);
        OwnerSalt.CopyTo(input[BlockId.SizeBytes..]);
        return Hash(input);
    }

    /// <summary>
    /// The Block that follows <paramref name="parent"/> and holds <paramref name="tokenIds"/>: 64 of them, or fewer for a Tail.
    /// </summary>
    public static BlockId Next(BlockId parent, ReadOnlySpan<int> tokenIds)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tokenIds.Length, nameof(tokenIds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokenIds.Length, KvGeometry.BlockTokenCount, nameof(tokenIds));
        Span<byte> input = stackalloc byte[BlockId.SizeBytes + sizeof(int) * KvGeometry.BlockTokenCount];
        parent.Write(input);
        Span<int> tokens = MemoryMarshal.Cast<byte, int>(input[BlockId.SizeBytes..])[..tokenIds.Length];
        if (BitConverter.IsLittleEndian)
        {
            tokenIds.CopyTo(tokens);
        }
        else
        {
            BinaryPrimitives.ReverseEndianness(tokenIds, tokens);
        }

        return Hash(input[..(BlockId.SizeBytes + sizeof(int) * tokenIds.Length)]);
    }

    /// <summary>The ids of all full Blocks of a token sequence, in order.</summary>
    public static BlockId[] FullBlocks(BlockId root, ReadOnlySpan<int> tokenIds)
    {
        var ids = new BlockId[tokenIds.Length / KvGeometry.BlockTokenCount];
        BlockId parent = root;
        for (int i = 0; i < ids.Length; i++)
        {
            parent = Next(parent, tokenIds.Slice(i * KvGeometry.BlockTokenCount, KvGeometry.BlockTokenCount));
            ids[i] = parent;
        }

        return ids;
    }

    private static BlockId Hash(ReadOnlySpan<byte> input)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input, digest);
        return BlockId.Read(digest);
    }
}
