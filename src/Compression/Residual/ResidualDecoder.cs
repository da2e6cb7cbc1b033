using System.Runtime.CompilerServices;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>Rebuilds L + S; the plain way, for oracles and inspection.</summary>
internal static unsafe class ResidualDecoder
{
    public static void AddTo(ResidualMatrix matrix, byte* payload, float* latent)
    {
        int rank = matrix.Rank;
        for (int row = 0; row < matrix.RowCount && rank > 0; row++)
        {
            for (int column = 0; column < matrix.ColumnCount; column++)
            {
                latent[(row * matrix.ColumnCount) + column] += LowRank(matrix, payload, row, column);
            }
        }

        if (matrix.OutlierCount > 0)
        {
            float scale = Unsafe.ReadUnaligned<float>(payload + matrix.OutlierScaleStart);
            int position = 0;
            for (int slot = 0; slot < matrix.SlotCount; slot++)
            {
                position += payload[matrix.GapStart + slot];
                latent[position] += scale * (sbyte)payload[matrix.CodeStart + slot];
            }
        }
    }

    private static float LowRank(ResidualMatrix matrix, byte* payload, int row, int column)
    {
        float sum = 0;
        for (int j = 0; j < matrix.Rank; j++)
        {
            float scale = Unsafe.ReadUnaligned<float>(payload + matrix.Start + (j * sizeof(float)));
            int left = NibbleOrder.Read(payload + matrix.LeftStart + (j * matrix.RowCount / 2), row) - 8;
            int right = NibbleOrder.Read(payload + matrix.RightStart + (j * matrix.ColumnCount / 2), column) - 8;
            sum = MathF.FusedMultiplyAdd(left, right * scale, sum);
        }

        return sum;
    }
}
