using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>32-bit to 16-bit floats by integer arithmetic (.NET has no F16C instructions), to the nearest, ties to even.</summary>
internal static unsafe class HalfRounding
{
    /// <summary>From here on a float rounds to infinity in 16 bits.</summary>
    public const float Limit = 65520;

    private const uint SignBit = 0x8000_0000;

    /// <summary>2^-14: below it 16-bit floats are subnormal.</summary>
    private const uint LeastNormal = 113u << 23;

    /// <summary>A float whose last bit is worth as much as that of subnormal 16-bit floats: adding it rounds to them.</summary>
    private const uint SubnormalUnit = 126u << 23;

    /// <summary>From a 32-bit exponent (bias 127) to a 16-bit one (bias 15), and half a unit less one to round.</summary>
    private const uint NormalShift = unchecked((uint)((15 - 127) << 23) + 0xFFF);

    /// <summary>Rounds a multiple of 16 values; false when one is not finite or does not fit, and then the results are undefined.</summary>
    public static bool TryRound(float* source, Half* destination, int length)
    {
        Vector256<float> below = Vector256<float>.AllBitsSet;
        for (int i = 0; i < length; i += 16)
        {
            Vector256<uint> low = Round(Vector256.Load(source + i), ref below);
            Vector256<uint> high = Round(Vector256.Load(source + i + 8), ref below);
            Vector256.Narrow(low, high).Store((ushort*)destination + i);
        }

        return below.AsInt32() == Vector256<int>.AllBitsSet;
    }

    private static Vector256<uint> Round(Vector256<float> value, ref Vector256<float> below)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> sign = bits & Vector256.Create(SignBit);
        Vector256<uint> magnitude = bits ^ sign;
        below &= Vector256.LessThan(magnitude.AsSingle(), Vector256.Create(Limit));
        Vector256<uint> isOdd = (magnitude >> 13) & Vector256<uint>.One;
        Vector256<uint> normal = (magnitude + Vector256.Create(NormalShift) + isOdd) >> 13;
        Vector256<uint> unit = Vector256.Create(SubnormalUnit);
        Vector256<uint> subnormal = (magnitude.AsSingle() + unit.AsSingle()).AsUInt32() - unit;
        Vector256<uint> isSubnormal = Vector256.LessThan(magnitude.AsInt32(), Vector256.Create((int)LeastNormal)).AsUInt32();
        return Vector256.ConditionalSelect(isSubnormal, subnormal, normal) | (sign >> 16);
    }
}
