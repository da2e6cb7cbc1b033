using KvCluster.Compression.Codecs;
using KvCluster.Compression.Residual;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Residual;

/// <summary>Attention on a residual one multiplication at a time, from the byte table of docs/slab-format.md.</summary>
internal sealed class ResidualOracle
{
    private readonly List<(float[] Left, float Scale, float[] Right)> _ranks = [];
    private readonly List<(int Position, int Code)> _outliers = [];
    private readonly float _outlierScale;
    private readonly int _columnCount;

    /// <summary>Of the matrix that begins at <paramref name="start"/>; moves it to the next.</summary>
    public ResidualOracle(byte[] payload, ref int start, int rowCount, int columnCount, int rank, int outlierCount)
    {
        _columnCount = columnCount;
        int left = start + (4 * rank);
        int right = left + (rank * rowCount / 2);
        int end = right + (rank * columnCount / 2);
        for (int j = 0; j < rank; j++)
        {
            float[] rows = Nibbles(payload.AsSpan(left + (j * rowCount / 2), rowCount / 2));
            float[] columns = Nibbles(payload.AsSpan(right + (j * columnCount / 2), columnCount / 2));
            _ranks.Add((rows, BitConverter.ToSingle(payload, start + (4 * j)), columns));
        }

        if (outlierCount > 0)
        {
            _outlierScale = BitConverter.ToSingle(payload, end);
            int slots = (outlierCount + (rowCount * columnCount / 255) + 7) / 8 * 8;
            int position = 0;
            for (int slot = 0; slot < slots; slot++)
            {
                position += payload[end + 4 + slot];
                _outliers.Add((position, (sbyte)payload[end + 4 + slots + slot]));
            }

            end += 4 + (2 * slots);
        }

        start = end;
    }

    public int OutlierCount => _outliers.Count(entry => entry.Code != 0);

    /// <summary>Of all heads, K and V in turn.</summary>
    public static List<ResidualOracle> Read(LatentShape shape, GearOptions options, byte[] payload)
    {
        var matrices = new List<ResidualOracle>();
        int start = 0;
        for (int head = 0; head < shape.HeadCount; head++)
        {
            (int keyRank, int valueRank) = options.Ranks(shape.KeySize(head), shape.ValueSize(head));
            (int keys, int values) = options.Outliers(64 * shape.KeySize(head), 64 * shape.ValueSize(head));
            matrices.Add(new ResidualOracle(payload, ref start, shape.KeySize(head), 64, keyRank, keys));
            matrices.Add(new ResidualOracle(payload, ref start, 64, shape.ValueSize(head), valueRank, values));
        }

        Assert.Equal(payload.Length, start);
        return matrices;
    }

    /// <summary>y += x·(L + S), one row.</summary>
    public void Add(ReadOnlySpan<float> x, Span<float> y)
    {
        foreach ((float[] left, float scale, float[] right) in _ranks)
        {
            float factor = Sums.OfProducts(x[..left.Length].ToArray(), left) * scale;
            for (int c = 0; c < right.Length; c++)
            {
                y[c] = MathF.FusedMultiplyAdd(factor, right[c], y[c]);
            }
        }

        foreach ((int position, int code) in _outliers)
        {
            (int row, int column) = Math.DivRem(position, _columnCount);
            y[column] = MathF.FusedMultiplyAdd(x[row] * _outlierScale, code, y[column]);
        }
    }

    private static float[] Nibbles(ReadOnlySpan<byte> packed)
    {
        float[] codes = new float[packed.Length * 2];
        for (int i = 0; i < codes.Length; i++)
        {
            int both = packed[(i / 16 * 8) + (i % 8)];
            codes[i] = (i % 16 < 8 ? both & 15 : both >> 4) - 8;
        }

        return codes;
    }
}
