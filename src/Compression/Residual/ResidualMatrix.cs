using System.Runtime.CompilerServices;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Residual;

/// <summary>
/// K or V of one latent head and Block, as E[rows][columns] lies in the latent: K is [channel][token], V is [token][channel], so that attention
/// on both is y[column] += x[row]·E[row][column]; and where the residual of it stands in the payload.
/// </summary>
/// <remarks>
/// Bytes: per rank a 32-bit scale; per rank the left factor (one nibble a row); per rank the right factor (one nibble a column); then, when there are
/// outliers, their 32-bit scale, the gaps and the codes, one byte a slot.
/// </remarks>
internal sealed class ResidualMatrix
{
    /// <summary>A gap of this many positions has no outlier at its end.</summary>
    public const int SkipGap = 255;

    private const int SlotMultiple = 8;
    private readonly ulong _inverseColumnCount;

    /// <param name="rowCount">Multiple of 16.</param>
    /// <param name="columnCount">Multiple of 16.</param>
    /// <param name="rank">0: no low rank.</param>
    /// <param name="outlierCount">0: no outliers.</param>
    /// <param name="latentOffset">Of its first float.</param>
    /// <param name="start">Of its first byte in the residual's payload.</param>
    /// <param name="takenOffset">Of its first outlier among those of the layer.</param>
    public ResidualMatrix(int rowCount, int columnCount, int rank, int outlierCount, int latentOffset, int start, int takenOffset)
    {
        RowCount = rowCount;
        ColumnCount = columnCount;
        _inverseColumnCount = (uint.MaxValue / (uint)columnCount) + 1;
        Rank = rank;
        OutlierCount = outlierCount;
        LatentOffset = latentOffset;
        Start = start;
        TakenOffset = takenOffset;

        // Skips are fewer than the positions over 255, so there is always a slot for every outlier.
        int slots = outlierCount == 0 ? 0 : outlierCount + ((rowCount * columnCount) / SkipGap);
        SlotCount = (slots + SlotMultiple - 1) / SlotMultiple * SlotMultiple;
        LeftStart = Start + (Rank * sizeof(float));
        RightStart = LeftStart + (Rank * RowCount / 2);
        OutlierScaleStart = RightStart + (Rank * ColumnCount / 2);
        GapStart = OutlierScaleStart + (SlotCount == 0 ? 0 : sizeof(float));
        CodeStart = GapStart + SlotCount;
        End = CodeStart + SlotCount;
    }

    public int RowCount { get; }

    public int ColumnCount { get; }

    public int Length => RowCount * ColumnCount;

    public int Rank { get; }

    public int OutlierCount { get; }

    public int SlotCount { get; }

    public int LatentOffset { get; }

    public int TakenOffset { get; }

    public int Start { get; }

    public int LeftStart { get; }

    public int RightStart { get; }

    public int OutlierScaleStart { get; }

    public int GapStart { get; }

    public int CodeStart { get; }

    public int End { get; }

    /// <summary>Where its parts are in a payload in which the residual begins at <paramref name="start"/>.</summary>
    public StoredResidual Place(int start) => new(
        RowCount,
        ColumnCount,
        Rank,
        OutlierCount,
        SlotCount,
        start + Start,
        start + LeftStart,
        start + RightStart,
        start + OutlierScaleStart,
        start + GapStart,
        start + CodeStart);

    /// <summary>Of a position, without a division: exact for all below 2^32 / columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int RowOf(int position) => (int)(((uint)position * _inverseColumnCount) >> 32);
}
