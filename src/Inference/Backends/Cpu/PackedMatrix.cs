using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// A weight matrix [depth][columns] for <see cref="MatrixMultiply"/>: panels of 16 columns, in each panel one row of 16 weights
/// after the other. Columns past the last are zero.
/// </summary>
/// <remarks>
/// A row of bfloat16 is 8 words of 32 bits, word j holding column j in its low and column j + 8 in its high half: a shift
/// and a mask give two vectors of floats.
/// </remarks>
internal sealed unsafe class PackedMatrix : IDisposable
{
    public const int PanelWidth = 16;

    private byte* _data;

    public PackedMatrix(int depth, int columnCount, bool isBFloat16)
    {
        Depth = depth;
        PanelCount = (columnCount + PanelWidth - 1) / PanelWidth;
        IsBFloat16 = isBFloat16;
        _data = (byte*)NativeMemory.AlignedAlloc((nuint)(PanelCount * PanelSizeBytes), 64);
    }

    ~PackedMatrix() => Free();

    /// <summary>Length of the rows that are multiplied with the matrix.</summary>
    public int Depth { get; }

    public int PanelCount { get; }

    /// <summary>Columns of the product, padded to whole panels.</summary>
    public int PaddedColumnCount => PanelCount * PanelWidth;

    public bool IsBFloat16 { get; }

    public int RowSizeBytes => PanelWidth * (IsBFloat16 ? sizeof(ushort) : sizeof(float));

    public long PanelSizeBytes => (long)Depth * RowSizeBytes;

    public long SizeBytes => PanelCount * PanelSizeBytes;

    /// <summary>Added to each row of the product: padded columns; null without.</summary>
    public float[]? Bias { get; set; }

    public byte* Panel(int index) => _data + (index * PanelSizeBytes);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
    }
}
