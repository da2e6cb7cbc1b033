namespace KvCluster.Compression.Codecs.Tables;

/// <summary>
/// Where a payload has GEAR's residual of K or V of a latent head: E[i][j] = Σ left[i]·right[j]·scale over the ranks, plus code·scale at each outlier. Of K rows
/// are channels and columns tokens, of V the reverse. Offsets are in bytes from the start of the payload.
/// </summary>
/// <param name="RowCount">A multiple of 16.</param>
/// <param name="ColumnCount">A multiple of 16.</param>
/// <param name="Rank">Of L; perhaps 0.</param>
/// <param name="OutlierCount">Of S; perhaps 0.</param>
/// <param name="SlotCount">Gaps and codes of outliers.</param>
/// <param name="ScaleOffset">32-bit scale of each rank.</param>
/// <param name="LeftOffset">Left factors, 4 bits a row in the order of 4-bit codes; code − 8.</param>
/// <param name="RightOffset">Right factors, likewise a column.</param>
/// <param name="OutlierScaleOffset">32 bits.</param>
/// <param name="GapOffset">A byte a slot.</param>
/// <param name="OutlierCodeOffset">A signed byte a slot.</param>
public sealed record StoredResidual(
    int RowCount,
    int ColumnCount,
    int Rank,
    int OutlierCount,
    int SlotCount,
    int ScaleOffset,
    int LeftOffset,
    int RightOffset,
    int OutlierScaleOffset,
    int GapOffset,
    int OutlierCodeOffset);
