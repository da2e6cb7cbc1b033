using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// The papers' mode: brings the queries of a prompt's probe rows to the host as they are computed, and encodes the prompt's Blocks there after its last
/// token, as the CPU backend does. Until then their pages hold K and V in 16 bits. Of other codecs nothing is to be done.
/// </summary>
internal sealed unsafe class PromptSealer : IDisposable
{
    private readonly BlockPages _pages;
    private readonly PromptSealJob[] _jobs;
    private readonly long _rowBytes;
    private readonly List<(ProbeStore Probes, int Index, int Row, int Count)> _runs = [];
    private PinnedMemory? _queries;
    private int _rowCount;

    /// <param name="config">Of the model.</param>
    /// <param name="codec">Of its Blocks.</param>
    /// <param name="pages">Likewise.</param>
    public PromptSealer(ModelConfig config, KvCodec codec, BlockPages pages)
    {
        _pages = pages;
        _rowBytes = (long)config.HeadCount * config.HeadSize * sizeof(ushort);
        if (codec.Saliency is not { AfterPrompt: true })
        {
            _jobs = [];
            return;
        }

        // One a layer, so that all layers are worked on together.
        var encoder = new SlabEncoder(codec);
        var openCodec = new RawCodec(codec.Geometry);
        _jobs = [.. Enumerable.Range(0, config.LayerCount).Select(
            _ => new PromptSealJob(encoder, new PromptSaliencyJob(config, codec, openCodec, ComputePool.Shared.WorkerCount)))];
    }

    /// <summary>The step computes queries that are wanted.</summary>
    public bool HasProbes => _runs.Count > 0;

    /// <summary>Looks for a prompt's probe rows in a step.</summary>
    public void Begin(StepPlan plan)
    {
        _runs.Clear();
        _rowCount = 0;
        for (int i = 0; _jobs.Length > 0 && i < plan.Segments.Length; i++)
        {
            ref readonly StepSegment segment = ref plan.Segments[i];
            AddRuns(segment.Cache.Probes!, segment.FirstRow, plan.Positions[segment.FirstRow], segment.TokenCount);
        }

        long bytes = _jobs.Length * _rowCount * _rowBytes;
        if (bytes > 0 && (_queries is null || _queries.GetSpan().Length < bytes))
        {
            ((IDisposable?)_queries)?.Dispose();
            _queries = null;
            _queries = new PinnedMemory(checked((int)(bytes + (bytes / 2))));
        }
    }

    /// <summary>Queues the copies of a layer.</summary>
    /// <param name="stream">After what computes the queries, before what overwrites them.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="queries">[rows of the step][query heads][head size], rotated, 16-bit floats.</param>
    public void Fetch(CudaStream stream, int layer, ulong queries)
    {
        if (!HasProbes)
        {
            return;
        }

        byte* to = At(layer);
        foreach ((ProbeStore _, int _, int row, int count) in _runs)
        {
            stream.CopyToHost(to, queries + (ulong)(row * _rowBytes), count * _rowBytes);
            to += count * _rowBytes;
        }
    }

    /// <summary>The device has ended the step: encodes the Blocks of prompts that it ended.</summary>
    public void End(StepBatch batch)
    {
        for (int layer = 0; layer < _jobs.Length && HasProbes; layer++)
        {
            byte* from = At(layer);
            foreach ((ProbeStore probes, int index, int _, int count) in _runs)
            {
                for (int i = index; i < index + count; i++, from += _rowBytes)
                {
                    new ReadOnlySpan<Half>(from, probes.QueryWidth).CopyTo(probes.Prompt(layer, i));
                }
            }
        }

        for (int i = 0; _jobs.Length > 0 && i < batch.EntryCount; i++)
        {
            ref readonly StepEntry entry = ref batch.Entries[i];
            if (entry.EndsPrompt)
            {
                Seal(entry.Cache, entry.Sink);
            }
        }
    }

    public void Dispose()
    {
        ((IDisposable?)_queries)?.Dispose();
        foreach (PromptSealJob job in _jobs)
        {
            job.Dispose();
        }
    }

    private byte* At(int layer) => _queries!.Pointer + (layer * _rowCount * _rowBytes);

    /// <summary>Rows that follow one another come in one copy.</summary>
    private void AddRuns(ProbeStore probes, int firstRow, int firstPosition, int tokenCount)
    {
        int[] rows = probes.PromptRows;
        int index = Array.BinarySearch(rows, firstPosition);
        index = index < 0 ? ~index : index;
        while (index < rows.Length && rows[index] < firstPosition + tokenCount)
        {
            int end = index + 1;
            while (end < rows.Length && rows[end] == rows[end - 1] + 1 && rows[end] < firstPosition + tokenCount)
            {
                end++;
            }

            _runs.Add((probes, index, firstRow + rows[index] - firstPosition, end - index));
            _rowCount += end - index;
            index = end;
        }
    }

    private void Seal(SequenceCache cache, ISlabSink? sink)
    {
        cache.ReserveOpen();
        cache.Mirror!.FetchTail(cache);
        Parallel.For(0, _jobs.Length, layer => _jobs[layer].Run(ComputePool.Shared, cache, layer));
        int first = cache.FirstDeferredBlock;
        for (int layer = 0; layer < _jobs.Length; layer++)
        {
            for (int i = first; i < cache.BlockList.Count; i++)
            {
                sink?.OnSlabSealed(cache, cache.BlockList[i], layer);
            }
        }

        _pages.Refresh(cache, (CudaSequence)cache.Mirror, first);
        cache.EndPrompt();
    }
}
