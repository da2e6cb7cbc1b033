using System.Diagnostics;
using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>A step from its batch to its results: decode steps as graphs, one a number of rows; others layer by layer.</summary>
internal sealed class StepExecution(
    CudaStream stream,
    StepPlan plan,
    BlockPages blocks,
    StepTables tables,
    StepBuffers buffers,
    LayerLaunch launch,
    PrefillStep prefill,
    BlockSealer sealer,
    PromptSealer promptSealer,
    StepDraws draws,
    StepResults results) : IDisposable
{
    private readonly StepPages _pages = new(blocks);
    private readonly Dictionary<int, CudaGraph> _graphs = [];

    public bool UsesGraphs { get; set; } = true;

    /// <summary>Of the last step: what the host did before it had nothing left but to wait for the device, and after it.</summary>
    public TimeSpan HostTime { get; private set; }

    public void Run(StepBatch batch)
    {
        long start = Stopwatch.GetTimestamp();
        plan.Make(batch);
        if (plan.RowCount == 0)
        {
            return;
        }

        try
        {
            _pages.Assign(batch, plan);
            Run(batch, start);
        }
        finally
        {
            _pages.Release();
        }
    }

    public void Dispose()
    {
        ForgetGraphs();
        draws.Dispose();
        results.Dispose();
        sealer.Dispose();
        promptSealer.Dispose();
        prefill.Dispose();
        buffers.Dispose();
        tables.Dispose();
    }

    private void Run(StepBatch batch, long start)
    {
        promptSealer.Begin(plan);
        bool isDecode = IsDecode();
        int rows = RowBucket.Of(plan.RowCount);
        if (!isDecode)
        {
            prefill.Begin(batch, plan, _pages);
        }
        else
        {
            StepDraws.AssignRows(batch);
        }

        int logitsRows = isDecode ? rows : RowBucket.Of(Math.Max(1, plan.LogitsRows.Length));
        FillTables(batch, rows, isDecode);
        results.Reserve(rows, logitsRows);
        if (buffers.Reserve(rows, logitsRows, tables.SizeInts))
        {
            ForgetGraphs();
        }

        stream.CopyToDevice(buffers.Control, tables.Bytes);
        if (isDecode)
        {
            Decode(rows);
        }
        else
        {
            Prefill(batch, rows, logitsRows);
        }

        draws.Launch(stream, batch, buffers, logitsRows);
        results.Fetch(stream, buffers, rows, logitsRows, draws.LeavesLogits);
        long waits = Stopwatch.GetTimestamp();
        stream.Synchronize();
        long done = Stopwatch.GetTimestamp();
        results.Give(batch, plan, stream, buffers);
        promptSealer.End(batch);
        if (isDecode)
        {
            SealDecoded(batch);
        }

        HostTime = Stopwatch.GetElapsedTime(start, waits) + Stopwatch.GetElapsedTime(done);
    }

    /// <summary>One token a Sequence, and nothing that is wanted of it between layers.</summary>
    private bool IsDecode()
    {
        bool isDecode = plan.RowCount == plan.Segments.Length && plan.RowCount <= RowBucket.MaxDecodeRows && !promptSealer.HasProbes;
        for (int i = 1; isDecode && i < plan.Segments.Length; i++)
        {
            isDecode = plan.Segments[i].Entry != plan.Segments[i - 1].Entry;
        }

        return isDecode;
    }

    private void Decode(int rows)
    {
        if (_graphs.TryGetValue(rows, out CudaGraph? graph))
        {
            graph.Launch(stream);
            return;
        }

        // Once as it is: what is made at first use can't be made during a capture.
        launch.Decode(stream, rows);
        if (UsesGraphs)
        {
            stream.Synchronize();
            _graphs.Add(rows, stream.Capture(() => launch.Decode(stream, rows)));
        }
    }

    private void Prefill(StepBatch batch, int rows, int logitsRows)
    {
        List<SealingBlock> sealing = _pages.Sealing;
        ulong failures = buffers.Control + StepTables.OffsetsOf(rows).Failures;
        prefill.Copy(stream);
        if (sealing.Count > 0)
        {
            sealer.Begin(stream, sealing, rows, keptLayers: 2);
        }

        launch.Embed(stream, rows);
        for (int layer = 0; layer < launch.LayerCount; layer++)
        {
            launch.Project(stream, layer, rows, prefill.LeavesRows, prefill.HasRows || promptSealer.HasProbes);
            promptSealer.Fetch(stream, layer, buffers.QueryRows);
            if (sealing.Count > 0)
            {
                sealer.Encode(stream, sealing, layer, keptLayers: 2);
                sealer.Fetch(stream, sealing, layer, failures);
                if (!sealer.IsLate)
                {
                    FinishSlabs(batch, layer);
                    sealer.Upload(stream, sealing, layer);
                }
            }

            if (prefill.LeavesRows)
            {
                launch.Attend(stream, layer, rows, isSealedStable: sealing.Count == 0);
            }

            if (prefill.HasRows)
            {
                prefill.Attend(stream, layer, rows);
            }

            launch.Finish(stream, layer, rows);
            if (sealer.IsLate && layer > 0)
            {
                FinishSlabs(batch, layer - 1);
            }
        }

        if (plan.LogitsRows.Length > 0)
        {
            launch.ComputeLogits(stream, rows, logitsRows);
        }

        if (sealer.IsLate)
        {
            FinishSlabs(batch, launch.LayerCount - 1);
        }
    }

    private void FinishSlabs(StepBatch batch, int layer)
    {
        if (_pages.Sealing.Count > 0)
        {
            sealer.Finish(_pages.Sealing, layer);
            Announce(batch, layer);
        }
    }

    /// <summary>Tells the sinks of the slabs of a layer; not those of an entry with a value that did not fit.</summary>
    private void Announce(StepBatch batch, int layer)
    {
        ReadOnlySpan<int> failures = sealer.Failures(layer);
        foreach (SealingBlock block in _pages.Sealing)
        {
            ref StepEntry entry = ref batch.Entries[block.Entry];
            StepResults.MarkFailure(ref entry, plan, failures);
            if (entry.Failure == StepFailure.None && !block.IsDeferred)
            {
                entry.Sink?.OnSlabSealed(block.Cache, block.Block, layer);
            }
        }
    }

    /// <summary>Blocks that a decode step filled: its tokens have attended to them in 16 bits, so their encoding can follow.</summary>
    private void SealDecoded(StepBatch batch)
    {
        if (_pages.Sealing.Count == 0)
        {
            return;
        }

        sealer.SealAllLayers(stream, _pages.Sealing);
        foreach (SealingBlock block in _pages.Sealing)
        {
            ref StepEntry entry = ref batch.Entries[block.Entry];
            for (int layer = 0; layer < launch.LayerCount && entry.Failure == StepFailure.None && !block.IsDeferred; layer++)
            {
                entry.Sink?.OnSlabSealed(block.Cache, block.Block, layer);
            }
        }
    }

    private void FillTables(StepBatch batch, int rows, bool isDecode)
    {
        tables.Begin(rows);
        plan.TokenIds.CopyTo(tables.Tokens);
        plan.Positions.CopyTo(tables.Positions);
        for (int i = 0; isDecode && i < plan.RowCount; i++)
        {
            tables.LogitsRows[i] = i;
        }

        if (!isDecode)
        {
            plan.LogitsRows.CopyTo(tables.LogitsRows);
        }

        for (int i = 0; i < plan.Segments.Length; i++)
        {
            ref readonly StepSegment segment = ref plan.Segments[i];
            bool isUsed = batch.Entries[segment.Entry].Failure == StepFailure.None;
            ReadOnlySpan<int> earlier = isUsed ? _pages.Sequence(i).Sealed[..segment.BlockIndex] : [];
            if (isUsed)
            {
                FillProbes(segment, _pages.Open(i));
            }

            bool isDecoded = isUsed && (isDecode || !prefill.Takes(i));
            for (int token = 0; token < segment.TokenCount; token++)
            {
                tables.Pages[segment.FirstRow + token] = isUsed ? _pages.Open(i) : -1;
                tables.Attend(isDecoded ? earlier : [], Math.Max(0, _pages.Open(i)), isDecoded ? segment.FirstColumn + token + 1 : 0);
            }
        }

        tables.End();
    }

    /// <summary>Where the queries of those rows are kept that are probes of their Block.</summary>
    private void FillProbes(in StepSegment segment, int openPage)
    {
        ReadOnlySpan<int> columns = blocks.ProbeColumns(segment.BlockIndex);
        for (int probe = 0; probe < columns.Length; probe++)
        {
            if (columns[probe] >= segment.FirstColumn && columns[probe] < segment.EndColumn)
            {
                tables.Probes[segment.FirstRow + columns[probe] - segment.FirstColumn] = (openPage * blocks.ProbeCount) + probe;
            }
        }
    }

    private void ForgetGraphs()
    {
        foreach (CudaGraph graph in _graphs.Values)
        {
            graph.Dispose();
        }

        _graphs.Clear();
    }
}
