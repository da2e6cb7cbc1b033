using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>What comes back of a step, in pinned memory: logits, the greatest of each row, and rows whose K or V did not fit.</summary>
internal sealed unsafe class StepResults(int vocabularySize, int rowStride) : IDisposable
{
    /// <summary>As draw.cuh has it.</summary>
    private const int Undrawn = -2;

    private PinnedMemory? _logits;
    private PinnedMemory? _picked;
    private PinnedMemory? _failures;
    private int _rows;
    private bool _hasLogits;

    public void Reserve(int rows, int logitsRows)
    {
        _rows = rows;
        Reserve(ref _failures, rows * sizeof(int));
        Reserve(ref _picked, logitsRows * 2 * sizeof(int));
    }

    /// <summary>Queues the copies.</summary>
    /// <param name="stream">Of the step.</param>
    /// <param name="buffers">Of the step.</param>
    /// <param name="rows">Of the step.</param>
    /// <param name="logitsRows">Likewise.</param>
    /// <param name="wantsLogits">An entry wants more than a token.</param>
    public void Fetch(CudaStream stream, StepBuffers buffers, int rows, int logitsRows, bool wantsLogits)
    {
        _hasLogits = wantsLogits;
        stream.CopyToHost(_failures!.Pointer, buffers.Control + StepTables.OffsetsOf(rows).Failures, rows * sizeof(int));
        stream.CopyToHost(_picked!.Pointer, buffers.Picked, logitsRows * 2 * sizeof(int));
        if (_hasLogits)
        {
            int bytes = checked(logitsRows * rowStride * sizeof(float));
            Reserve(ref _logits, bytes);
            stream.CopyToHost(_logits!.Pointer, buffers.Logits, bytes);
        }
    }

    /// <summary>Gives the batch its failures, tokens and logits, once the device has passed.</summary>
    /// <param name="batch">Of the step.</param>
    /// <param name="plan">Likewise.</param>
    /// <param name="stream">Brings the logits of tokens that the device did not draw after all.</param>
    /// <param name="buffers">Of the step.</param>
    public void Give(StepBatch batch, StepPlan plan, CudaStream stream, StepBuffers buffers)
    {
        var failures = new ReadOnlySpan<int>((int*)_failures!.Pointer, _rows);
        int* picked = (int*)_picked!.Pointer;
        foreach (ref StepEntry entry in batch.Entries)
        {
            MarkFailure(ref entry, plan, failures);
            int count = entry.FirstLogitsRow < 0 ? 0 : batch.WantsAllLogits ? entry.TokenCount : 1;
            for (int i = entry.FirstLogitsRow; i < entry.FirstLogitsRow + count && entry.Failure == StepFailure.None; i++)
            {
                entry.Failure = picked[(2 * i) + 1] == 0 ? StepFailure.NonFiniteLogits : StepFailure.None;
            }

            entry.TopToken = count > 0 ? picked[2 * (entry.FirstLogitsRow + count - 1)] : -1;
            entry.DrawnToken = entry.Draw is not null ? entry.TopToken : -1;
            if (entry.Failure != StepFailure.None)
            {
                entry.FirstLogitsRow = -1;
            }
            else if (entry.DrawnToken == Undrawn)
            {
                (entry.DrawnToken, entry.TopToken) = (-1, -1);
                FetchRow(stream, buffers, entry.FirstLogitsRow);
            }
        }

        batch.BorrowLogits(_logits is not null ? (float*)_logits!.Pointer : null, vocabularySize, rowStride);
    }

    /// <summary>Marks an entry of which a value did not fit; <paramref name="failures"/> by row, -1: none.</summary>
    public static void MarkFailure(ref StepEntry entry, StepPlan plan, ReadOnlySpan<int> failures)
    {
        if (entry.Failure != StepFailure.None)
        {
            return;
        }

        for (int row = entry.FirstRow; row < entry.FirstRow + entry.TokenCount; row++)
        {
            if (failures[row] != -1 && (entry.Failure == StepFailure.None || failures[row] < entry.FailedLayer))
            {
                entry.Failure = StepFailure.NonFiniteKeyValue;
                entry.FailedLayer = failures[row];
                entry.FailedPosition = plan.Positions[row];
            }
        }
    }

    private void FetchRow(CudaStream stream, StepBuffers buffers, int row)
    {
        if (_hasLogits)
        {
            return;
        }

        // Room for all rows: those fetched before stay where they are.
        Reserve(ref _logits, checked(_picked!.GetSpan().Length / (2 * sizeof(int)) * rowStride * sizeof(float)));
        long at = (long)row * rowStride * sizeof(float);
        stream.CopyToHost(_logits!.Pointer + at, buffers.Logits + (ulong)at, rowStride * sizeof(float));
        stream.Synchronize();
    }

    public void Dispose()
    {
        ((IDisposable?)_logits)?.Dispose();
        ((IDisposable?)_picked)?.Dispose();
        ((IDisposable?)_failures)?.Dispose();
    }

    private static void Reserve(ref PinnedMemory? memory, int bytes)
    {
        if (memory is null || memory.GetSpan().Length < bytes)
        {
            ((IDisposable?)memory)?.Dispose();
            memory = null;
            memory = new PinnedMemory(bytes);
        }
    }
}
