using System.Runtime.CompilerServices;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Residual;

/// <summary>Encodes the residual of one matrix.</summary>
internal static unsafe class ResidualFit
{
    /// <summary>Writes where the outliers are, takes them out of the latent, and keeps what was taken.</summary>
    /// <param name="matrix">With outliers.</param>
    /// <param name="latent">Of the matrix. In an outlier's place comes the mean of what is left in its row, so that it never widens the row's range.</param>
    /// <param name="payload">Of the layer.</param>
    /// <param name="taken">By outlier, what its place lost.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TakeOutliers(ResidualMatrix matrix, float* latent, byte* payload, float* taken)
    {
        int columns = matrix.ColumnCount;
        float* standIns = TileScratch.Tile.Rent((matrix.Length / 2) + (2 * matrix.RowCount));
        var outlierCounts = (int*)(standIns + matrix.RowCount);
        var distances = (short*)(outlierCounts + matrix.RowCount);
        var positions = (int*)TileScratch.Rows.Rent(matrix.OutlierCount);
        OutlierSelection.Write(latent, matrix.RowCount, columns, matrix.OutlierCount, distances, standIns, positions);
        OutlierList.Write(matrix, positions, payload);

        // Passes over all rows, since a row is not summed quickly when elements of it were stored just before.
        new Span<int>(outlierCounts, matrix.RowCount).Clear();
        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            taken[i] = latent[positions[i]];
            latent[positions[i]] = 0;
            outlierCounts[matrix.RowOf(positions[i])]++;
        }

        RowSums.Write(latent, matrix.RowCount, columns, standIns);
        for (int row = 0; row < matrix.RowCount; row++)
        {
            standIns[row] /= Math.Max(columns - outlierCounts[row], 1);
        }

        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            float standIn = standIns[matrix.RowOf(positions[i])];
            latent[positions[i]] = standIn;
            taken[i] -= standIn;
        }
    }

    /// <summary>Fits L to the error where no outlier is, then stores of the outliers what D̂ and L leave open.</summary>
    /// <param name="matrix">With low rank, outliers or both.</param>
    /// <param name="error">Of the matrix; overwritten.</param>
    /// <param name="start">[rank][columns]: where power iteration starts.</param>
    /// <param name="payload">Of the layer.</param>
    /// <param name="taken">By outlier; overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fit(ResidualMatrix matrix, float* error, float* start, byte* payload, float* taken)
    {
        float* left = TileScratch.Tile.Rent((matrix.Rank * (matrix.RowCount + (2 * matrix.ColumnCount) + matrix.Rank)) + matrix.OutlierCount);
        float* right = left + (matrix.Rank * matrix.RowCount);
        var positions = (int*)(right + (matrix.Rank * matrix.ColumnCount));
        float* work = (float*)positions + matrix.OutlierCount;
        OutlierList.ReadPositions(matrix, payload, positions);
        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            taken[i] += error[positions[i]];
            error[positions[i]] = 0;
        }

        if (matrix.Rank > 0)
        {
            new ReadOnlySpan<float>(start, matrix.Rank * matrix.ColumnCount).CopyTo(new Span<float>(right, matrix.Rank * matrix.ColumnCount));
            PowerIteration.Fit(error, matrix.RowCount, matrix.ColumnCount, matrix.Rank, left, right);
            RoundFactors(matrix, error, left, right, work, payload);
        }

        if (matrix.OutlierCount > 0)
        {
            if (matrix.Rank > 0)
            {
                SubtractLowRank(matrix, left, right, positions, taken);
            }

            OutlierList.WriteValues(matrix, taken, payload);
        }
    }

    /// <summary>From what the outliers lost, what L puts there: expanded factors, the right one with its scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SubtractLowRank(ResidualMatrix matrix, float* left, float* right, int* positions, float* taken)
    {
        int columns = matrix.ColumnCount;
        for (int i = 0; i < matrix.OutlierCount; i++)
        {
            int row = matrix.RowOf(positions[i]);
            int column = positions[i] - (row * columns);
            float sum = 0;
            for (int j = 0; j < matrix.Rank; j++)
            {
                sum = MathF.FusedMultiplyAdd(left[(j * matrix.RowCount) + row], right[(j * columns) + column], sum);
            }

            taken[i] -= sum;
        }
    }

    /// <summary>Rounds the left factor, fits the right one to it by least squares, rounds that, and leaves both as they will be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RoundFactors(ResidualMatrix matrix, float* error, float* left, float* right, float* work, byte* payload)
    {
        int rank = matrix.Rank;
        int columns = matrix.ColumnCount;
        for (int j = 0; j < rank; j++)
        {
            Nibbles.Encode(left + (j * matrix.RowCount), matrix.RowCount, payload + matrix.LeftStart + (j * matrix.RowCount / 2));
        }

        float* inverse = work + (rank * columns);
        GramInverse.Write(left, rank, matrix.RowCount, inverse);
        TileMultiply.Multiply(left, matrix.RowCount, error, columns, work, columns, rank, columns, matrix.RowCount, accumulate: false);
        TileMultiply.Multiply(inverse, rank, work, columns, right, columns, rank, columns, rank, accumulate: false);
        for (int j = 0; j < rank; j++)
        {
            float* row = right + (j * columns);
            float scale = Nibbles.Encode(row, columns, payload + matrix.RightStart + (j * columns / 2));
            Unsafe.WriteUnaligned(payload + matrix.Start + (j * sizeof(float)), scale);
            for (int i = 0; i < columns; i++)
            {
                row[i] *= scale;
            }
        }
    }
}
