using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvCluster.Compression.Blocks;

/// <summary>CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in iSCSI, RFC 3720 B.4), with the processor's instruction.</summary>
/// <remarks>
/// The instruction takes 8 bytes a cycle but answers after three, so long inputs run as three interleaved streams whose
/// checksums are joined by multiplying with x^(8·length) modulo the polynomial, through tables.
/// </remarks>
public static class Crc32C
{
    private const uint Polynomial = 0x82F63B78;
    private const int LongStreamBytes = 4096;
    private const int ShortStreamBytes = 256;

    private static readonly uint[] LongShift = BuildShiftTable(LongStreamBytes);
    private static readonly uint[] ShortShift = BuildShiftTable(ShortStreamBytes);

    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>The checksum of what <paramref name="crc"/> covers followed by <paramref name="data"/>; 0 covers nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        uint state = ~crc;
        state = ConsumeStreams(state, ref data, LongStreamBytes, LongShift);
        state = ConsumeStreams(state, ref data, ShortStreamBytes, ShortShift);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (ulong word in words)
        {
            state = Step(state, word);
        }

        foreach (byte value in data[(words.Length * sizeof(ulong))..])
        {
            state = BitOperations.Crc32C(state, value);
        }

        return ~state;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint ConsumeStreams(uint state, ref ReadOnlySpan<byte> data, int streamBytes, uint[] shiftTable)
    {
        while (data.Length >= 3 * streamBytes)
        {
            ref byte start = ref MemoryMarshal.GetReference(data);
            uint first = state;
            uint second = 0;
            uint third = 0;
            for (nint offset = 0; offset < streamBytes; offset += sizeof(ulong))
            {
                first = Step(first, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, offset)));
                second = Step(second, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, offset + streamBytes)));
                third = Step(third, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, offset + (2 * streamBytes))));
            }

            state = Shift(shiftTable, Shift(shiftTable, first) ^ second) ^ third;
            data = data[(3 * streamBytes)..];
        }

        return state;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Step(uint state, ulong word) =>
        BitOperations.Crc32C(state, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));

    /// <summary>The state after as many zero bytes as the table was built for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Shift(uint[] table, uint state) =>
        table[state & 0xFF]
        ^ table[256 + ((state >> 8) & 0xFF)]
        ^ table[512 + ((state >> 16) & 0xFF)]
        ^ table[768 + (state >> 24)];

    private static uint[] BuildShiftTable(int zeroBytes)
    {
        uint[] images = new uint[32];
        for (int bit = 0; bit < 32; bit++)
        {
            uint state = 1u << bit;
            for (int step = 0; step < 8 * zeroBytes; step++)
            {
                state = (state >> 1) ^ ((state & 1) * Polynomial);
            }

            images[bit] = state;
        }

        uint[] table = new uint[4 * 256];
        for (int i = 0; i < table.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                table[i] ^= (uint)((i >> bit) & 1) * images[(8 * (i >> 8)) + bit];
            }
        }

        return table;
    }
}
