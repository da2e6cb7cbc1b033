using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// An orthonormal basis of rank r in n channels as the Householder reflections that turn the first axes into it: its n·r − r·(r + 1)/2 free
/// numbers. Where only the subspace counts, the reflections may be those of what is left out of it, if that is fewer: little more than the
/// subspace's own r·(n − r). Each reflection is fitted to what the rounded ones before it leave, so the basis is orthonormal however coarse the codes
/// are, and errors do not add up.
/// </summary>
/// <remarks>
/// Reflection i is I − 2·v·vᵀ/(vᵀ·v), v = (0 … 0, 1, codes·<see cref="Unit"/>) with i zeros. Columns come out with either sign. Plain double
/// arithmetic in a fixed order: the same map on every machine.
/// </remarks>
public sealed class Reflections
{
    /// <summary>What a code counts for, in every file: they hold codes alone. Rounding to it adds 3 to 4 % to what the demo model's projections lose anyway.</summary>
    public const double Unit = 1.0 / 64;

    private readonly sbyte[] _codes;
    private readonly bool _isOfDropped;

    private Reflections(int channelCount, int rank, bool isOfDropped, sbyte[] codes) =>
        (ChannelCount, Rank, _isOfDropped, _codes) = (channelCount, rank, isOfDropped, codes);

    /// <summary>n.</summary>
    public int ChannelCount { get; }

    /// <summary>r, from 1 to n.</summary>
    public int Rank { get; }

    /// <summary>Those of reflection 0, n − 1 of them, then of 1, n − 2, and so on. How many they are tells whose reflections they are.</summary>
    public ReadOnlySpan<sbyte> Codes => _codes;

    private int ReflectionCount => _isOfDropped ? ChannelCount - Rank : Rank;

    /// <summary>Orthonormal columns; or only their span, in what basis takes fewer codes.</summary>
    public static Reflections Of(Matrix<double> columns, bool onlySpan)
    {
        ArgumentNullException.ThrowIfNull(columns);
        int channels = columns.RowCount;
        int rank = columns.ColumnCount;
        bool isOfDropped = onlySpan && 2 * rank > channels;
        Matrix<double> fitted = isOfDropped
            ? columns.QR(MathNet.Numerics.LinearAlgebra.Factorization.QRMethod.Full).Q.SubMatrix(0, channels, rank, channels - rank)
            : columns;
        double[][] vectors = [.. fitted.EnumerateColumns().Select(column => column.ToArray())];
        var codes = new sbyte[CodeCount(channels, vectors.Length)];
        int at = 0;
        for (int i = 0; i < vectors.Length; i++)
        {
            Span<sbyte> code = codes.AsSpan(at, channels - 1 - i);
            Fit(vectors[i].AsSpan(i), code);
            for (int j = i + 1; j < vectors.Length; j++)
            {
                Reflect(code, vectors[j].AsSpan(i));
            }

            at += code.Length;
        }

        return new Reflections(channels, rank, isOfDropped, codes);
    }

    /// <exception cref="ArgumentException">There are neither as many codes as the basis takes nor as its span does.</exception>
    public static Reflections Of(int channelCount, int rank, ReadOnlySpan<sbyte> codes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rank, channelCount);
        bool isOfDropped = 2 * rank > channelCount && codes.Length == CodeCount(channelCount, channelCount - rank);
        return isOfDropped || codes.Length == CodeCount(channelCount, rank)
            ? new Reflections(channelCount, rank, isOfDropped, codes.ToArray())
            : throw new ArgumentException($"{codes.Length} codes are not those of rank {rank} in {channelCount} channels.", nameof(codes));
    }

    /// <summary>[n][r], rounded to 16 bits.</summary>
    public Half[] Map()
    {
        var map = new Half[ChannelCount * Rank];
        double[] vector = new double[ChannelCount];
        int first = _isOfDropped ? ReflectionCount : 0;
        for (int column = 0; column < Rank; column++)
        {
            Array.Clear(vector);
            vector[first + column] = 1;
            int end = _codes.Length;
            for (int i = ReflectionCount - 1; i >= 0; i--)
            {
                int length = ChannelCount - 1 - i;
                end -= length;
                Reflect(_codes.AsSpan(end, length), vector.AsSpan(i));
            }

            for (int channel = 0; channel < ChannelCount; channel++)
            {
                map[(channel * Rank) + column] = (Half)vector[channel];
            }
        }

        return map;
    }

    private static int CodeCount(int channelCount, int reflectionCount) =>
        (reflectionCount * (channelCount - 1)) - (reflectionCount * (reflectionCount - 1) / 2);

    /// <summary>The reflection that turns a vector's direction into the first axis, either end of it: v = (±|x| + x₀, x₁, …) / (±|x| + x₀).</summary>
    private static void Fit(ReadOnlySpan<double> vector, Span<sbyte> codes)
    {
        double square = 0;
        foreach (double element in vector)
        {
            square += element * element;
        }

        double length = Math.Sqrt(square);
        double head = vector[0] < 0 ? vector[0] - length : vector[0] + length;
        for (int i = 0; i < codes.Length && head != 0; i++)
        {
            codes[i] = (sbyte)Math.Clamp(Math.Round(vector[i + 1] / (head * Unit)), -64, 64);
        }
    }

    private static void Reflect(ReadOnlySpan<sbyte> codes, Span<double> vector)
    {
        double product = vector[0];
        double square = 1;
        for (int i = 0; i < codes.Length; i++)
        {
            double element = codes[i] * Unit;
            product += element * vector[i + 1];
            square += element * element;
        }

        double twice = 2 * product / square;
        vector[0] -= twice;
        for (int i = 0; i < codes.Length; i++)
        {
            vector[i + 1] -= twice * (codes[i] * Unit);
        }
    }
}
