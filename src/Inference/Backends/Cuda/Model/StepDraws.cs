using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Draws tokens where their logits are, so that those of a large vocabulary need not come to the host.</summary>
internal sealed class StepDraws(ModelKernels kernels, int vocabularySize, int rowStride) : IDisposable
{
    private readonly DeviceTables _tables = new();
    private ModelKernels.DrawRow[] _rows = [];

    /// <summary>An entry of the last step wants its logits themselves.</summary>
    public bool LeavesLogits { get; private set; }

    /// <summary>In a decode step every row has logits, in its own place, wanted or not.</summary>
    public static void AssignRows(StepBatch batch)
    {
        int row = 0;
        foreach (ref StepEntry entry in batch.Entries)
        {
            bool isComputed = entry.Failure is StepFailure.None or StepFailure.OutOfDeviceMemory;
            entry.FirstLogitsRow = isComputed && entry.WantsLogits ? row : -1;
            row += isComputed ? 1 : 0;
        }
    }

    /// <summary>Queues the draws of a step; its logits, and the greatest of each row, are there.</summary>
    /// <param name="stream">Of the step.</param>
    /// <param name="batch">With the rows of logits assigned.</param>
    /// <param name="buffers">Of the step.</param>
    /// <param name="logitsRows">Of the step.</param>
    public void Launch(CudaStream stream, StepBatch batch, StepBuffers buffers, int logitsRows)
    {
        if (_rows.Length < logitsRows)
        {
            _rows = new ModelKernels.DrawRow[2 * logitsRows];
        }

        Span<ModelKernels.DrawRow> rows = _rows.AsSpan(0, logitsRows);
        rows.Clear();
        bool isDrawn = false;
        LeavesLogits = false;
        foreach (ref readonly StepEntry entry in batch.Entries)
        {
            LeavesLogits |= entry is { FirstLogitsRow: >= 0, Draw: null };
            if (entry is { FirstLogitsRow: >= 0, Draw: { IsGreedy: false } draw })
            {
                rows[entry.FirstLogitsRow] = ModelKernels.DrawRow.Of(draw, vocabularySize);
                isDrawn = true;
            }
        }

        if (!isDrawn)
        {
            return;
        }

        _tables.Begin(DeviceTables.RoomOf(logitsRows * Marshal.SizeOf<ModelKernels.DrawRow>()));
        ulong table = _tables.Add(MemoryMarshal.AsBytes(rows));
        _tables.Copy(stream);
        var work = new ModelKernels.Draw
        {
            Logits = buffers.Logits,
            Rows = table,
            Picked = buffers.Picked,
            VocabularySize = vocabularySize,
            Stride = rowStride,
        };
        kernels.Launch(stream, work, logitsRows);
    }

    public void Dispose() => _tables.Dispose();
}
