using System.Buffers.Binary;
using System.Globalization;

namespace KvCluster.Compression.Blocks;

/// <summary>Names a Block by what it holds: 128 bits of the hash chain of <see cref="BlockIdChain"/>.</summary>
public readonly record struct BlockId(UInt128 Value)
{
    public const int SizeBytes = 16;

    /// <summary>Reads 16 bytes, big-endian, as on the wire and in slab headers.</summary>
    public static BlockId Read(ReadOnlySpan<byte> source) => new(BinaryPrimitives.ReadUInt128BigEndian(source));

    /// <summary>Reads the 32 hexadecimal digits of <see cref="ToString"/>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out BlockId id)
    {
        bool parsed = UInt128.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 value);
        id = new BlockId(value);
        return parsed && text.Length == 2 * SizeBytes;
    }

    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, Value);

    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);
}
