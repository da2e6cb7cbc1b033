using System.Runtime.InteropServices;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Packs tensors [columns][depth] (as Hugging Face stores projections) side by side into a <see cref="PackedMatrix"/>.</summary>
internal sealed unsafe class MatrixPacker : ParallelJob
{
    private readonly PackedMatrix _matrix;
    private readonly TensorView[] _parts;

    private MatrixPacker(PackedMatrix matrix, TensorView[] parts)
    {
        _matrix = matrix;
        _parts = parts;
    }

    /// <summary>
    /// Columns of the parts follow one another; each part is padded to whole panels. All bfloat16 parts stay bfloat16, everything
    /// else becomes float, exactly.
    /// </summary>
    public static PackedMatrix Pack(ComputePool pool, params TensorView[] parts)
    {
        bool isBFloat16 = Array.TrueForAll(parts, part => part.Type == TensorType.BF16);
        int panelCount = parts.Sum(part => PanelCount(part));
        var matrix = new PackedMatrix((int)parts[0].Shape[1], panelCount * PackedMatrix.PanelWidth, isBFloat16);
        pool.Run(new MatrixPacker(matrix, parts), panelCount);
        return matrix;
    }

    /// <summary>Biases of the parts, each padded to whole panels; null when no part has one.</summary>
    public static float[]? PackBias(IReadOnlyList<TensorView?> biases, TensorView[] parts)
    {
        if (biases.All(bias => bias is null))
        {
            return null;
        }

        var packed = new float[parts.Sum(part => PanelCount(part)) * PackedMatrix.PanelWidth];
        int offset = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            int columns = (int)parts[i].Shape[0];
            biases[i]?.Expect(columns).ReadAsSingle(packed.AsSpan(offset, columns));
            offset += PanelCount(parts[i]) * PackedMatrix.PanelWidth;
        }

        return packed;
    }

    public override void Execute(int task, int worker)
    {
        int panel = task;
        int part = 0;
        while (panel >= PanelCount(_parts[part]))
        {
            panel -= PanelCount(_parts[part++]);
        }

        int firstColumn = panel * PackedMatrix.PanelWidth;
        int columnCount = Math.Min(PackedMatrix.PanelWidth, (int)_parts[part].Shape[0] - firstColumn);
        var destination = new Span<byte>(_matrix.Panel(task), checked((int)_matrix.PanelSizeBytes));
        if (columnCount < PackedMatrix.PanelWidth)
        {
            destination.Clear();
        }

        if (_matrix.IsBFloat16)
        {
            PackBFloat16(_parts[part], firstColumn, columnCount, MemoryMarshal.Cast<byte, ushort>(destination));
        }
        else
        {
            PackSingle(_parts[part], firstColumn, columnCount, MemoryMarshal.Cast<byte, float>(destination));
        }
    }

    private static int PanelCount(TensorView part) => (int)((part.Shape[0] + PackedMatrix.PanelWidth - 1) / PackedMatrix.PanelWidth);

    private static void PackBFloat16(TensorView part, int firstColumn, int columnCount, Span<ushort> destination)
    {
        for (int j = 0; j < columnCount; j++)
        {
            ReadOnlySpan<ushort> column = MemoryMarshal.Cast<byte, ushort>(part.GetRow(firstColumn + j));
            int lane = j < 8 ? 2 * j : (2 * (j - 8)) + 1;
            for (int k = 0; k < column.Length; k++)
            {
                destination[(k * PackedMatrix.PanelWidth) + lane] = column[k];
            }
        }
    }

    private static void PackSingle(TensorView part, int firstColumn, int columnCount, Span<float> destination)
    {
        var column = new float[part.Shape[1]];
        for (int j = 0; j < columnCount; j++)
        {
            part.ReadRowAsSingle(firstColumn + j, column);
            for (int k = 0; k < column.Length; k++)
            {
                destination[(k * PackedMatrix.PanelWidth) + j] = column[k];
            }
        }
    }
}
