using System.Runtime.Intrinsics.X86;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Rotates the new keys, rounds keys and values to 16 bits and puts them in open-layer order where the layer's attention and
/// encoding read them. A task is one KV head of one segment. A lone token that fills no Block is left to the attention, which reads
/// what it has just written.
/// </summary>
internal sealed unsafe class AppendJob : ParallelJob, IDisposable
{
    private readonly StepPlan _plan;
    private readonly Activations _activations;
    private readonly KvGeometry _geometry;
    private readonly float _epsilon;
    private readonly AlignedBuffer<Half>[] _rounded;
    private readonly AlignedBuffer<float>[] _rotated;
    private CpuLayerWeights? _weights;
    private int _layer;
    private int _failed;
    private int[] _failedTokens = [];

    public AppendJob(StepPlan plan, Activations activations, KvGeometry geometry, float epsilon, int workerCount)
    {
        _plan = plan;
        _activations = activations;
        _geometry = geometry;
        _epsilon = epsilon;
        _rounded = [.. Enumerable.Range(0, workerCount).Select(_ => new AlignedBuffer<Half>())];
        _rotated = [.. Enumerable.Range(0, workerCount).Select(_ => new AlignedBuffer<float>())];
    }

    /// <summary>A value does not fit 16 bits; <see cref="FailedToken"/> says whose.</summary>
    public bool HasFailed => Volatile.Read(ref _failed) != 0;

    public void Run(ComputePool pool, int layer, CpuLayerWeights weights)
    {
        _layer = layer;
        _weights = weights;
        _failed = 0;
        if (_failedTokens.Length < _plan.Segments.Length)
        {
            _failedTokens = new int[_plan.Segments.Length];
        }

        Array.Fill(_failedTokens, int.MaxValue);
        pool.Run(this, _plan.Appending.Length * _geometry.KvHeadCount);
    }

    /// <summary>The first token of a segment whose K or V does not fit 16 bits in this layer; zeros were stored in its place. Null: none.</summary>
    public int? FailedToken(int segment) => _failedTokens[segment] == int.MaxValue ? null : _failedTokens[segment];

    public override void Execute(int task, int worker)
    {
        int index = _plan.Appending[task / _geometry.KvHeadCount];
        int kvHead = task % _geometry.KvHeadCount;
        Prefetch(index, kvHead);
        Append(index, kvHead, worker);
    }

    /// <summary>The lines of a column are far apart: all are asked for before <see cref="Append"/>, the earlier the better.</summary>
    public void Prefetch(int index, int kvHead)
    {
        ref readonly StepSegment segment = ref _plan.Segments[index];
        Span<Half> open = segment.Slot < 0 ? segment.Cache.OpenLayer(_layer) : _activations.Slot(segment.Slot);
        fixed (Half* keys = open.Slice(OpenLayers.HeadOffset(_geometry, kvHead), OpenLayers.HeadLength(_geometry)))
        {
            Half* column = keys + segment.FirstColumn;
            for (int channel = 0; Sse.IsSupported && channel < _geometry.HeadSize; channel++)
            {
                Sse.Prefetch0(column + (channel * KvGeometry.BlockTokenCount));
            }
        }
    }

    /// <summary>One KV head of one segment.</summary>
    public void Append(int index, int kvHead, int worker)
    {
        ref readonly StepSegment segment = ref _plan.Segments[index];
        int size = _geometry.HeadSize;
        Span<Half> open = segment.Slot < 0 ? segment.Cache.OpenLayer(_layer) : _activations.Slot(segment.Slot);
        Half* rounded = _rounded[worker].Reserve(KvGeometry.BlockTokenCount * size);
        float* rotated = _rotated[worker].Reserve(size);
        fixed (Half* keys = open.Slice(OpenLayers.HeadOffset(_geometry, kvHead), OpenLayers.HeadLength(_geometry)))
        {
            Half* columns = keys + segment.FirstColumn;
            Half* values = keys + ((KvGeometry.BlockTokenCount + segment.FirstColumn) * size);
            for (int token = 0; token < segment.TokenCount; token++)
            {
                int row = segment.FirstRow + token;
                float* key = _activations.QueryKeyValue + ((long)row * _activations.QueryKeyValueStride) + _activations.QueryWidth + (kvHead * size);
                HeadRotation.Rotate(key, _weights!.KeyNorm, _epsilon, _activations, row, rotated);
                Round(rotated, rounded + (token * size), index, token);
                Round(key + _activations.KvWidth, values + (token * size), index, token);
            }

            for (int channel = 0; channel < size; channel++)
            {
                Half* column = columns + (channel * KvGeometry.BlockTokenCount);
                for (int token = 0; token < segment.TokenCount; token++)
                {
                    column[token] = rounded[(token * size) + channel];
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (AlignedBuffer<Half> buffer in _rounded)
        {
            buffer.Dispose();
        }

        foreach (AlignedBuffer<float> buffer in _rotated)
        {
            buffer.Dispose();
        }
    }

    private void Round(float* source, Half* destination, int segment, int token)
    {
        if (!HalfRounding.TryRound(source, destination, _geometry.HeadSize))
        {
            new Span<Half>(destination, _geometry.HeadSize).Clear();
            Volatile.Write(ref _failed, 1);

            // Heads of one segment are tasks of several workers.
            ref int first = ref _failedTokens[segment];
            for (int seen = Volatile.Read(ref first); token < seen;)
            {
                seen = Interlocked.CompareExchange(ref first, token, seen) == seen ? token : Volatile.Read(ref first);
            }
        }
    }
}
