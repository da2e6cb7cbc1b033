using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>One worker's tile of queries and what they have gathered so far.</summary>
internal sealed unsafe class AttentionScratch : IDisposable
{
    private readonly AlignedBuffer<float> _queries = new();
    private readonly AlignedBuffer<float> _scores = new();
    private readonly AlignedBuffer<float> _output = new();
    private readonly AlignedBuffer<float> _maxima = new();
    private readonly AlignedBuffer<float> _sums = new();
    private int _headSize;

    public int QueryCount { get; private set; }

    public float* QueryPointer => _queries.Pointer;

    /// <summary>[queries][head size].</summary>
    public ReadOnlySpan<float> Queries => new(_queries.Pointer, QueryCount * _headSize);

    /// <summary>[queries][64]: scores, then weights.</summary>
    public Span<float> Scores => new(_scores.Pointer, QueryCount * KvGeometry.BlockTokenCount);

    /// <summary>[queries][head size]: weighted sums of values.</summary>
    public Span<float> Output => new(_output.Pointer, QueryCount * _headSize);

    public void Begin(int queryCount, int headSize)
    {
        QueryCount = queryCount;
        _headSize = headSize;
        _queries.Reserve(queryCount * headSize);
        _scores.Reserve(queryCount * KvGeometry.BlockTokenCount);
        _output.Reserve(queryCount * headSize);
        _maxima.Reserve(queryCount);
        _sums.Reserve(queryCount);
        Output.Clear();
        _maxima.Span[..queryCount].Fill(float.NegativeInfinity);
        _sums.Span[..queryCount].Clear();
    }

    /// <summary>Scores of a Block become weights.</summary>
    public void UpdateSoftmax()
    {
        for (int query = 0; query < QueryCount; query++)
        {
            OnlineSoftmax.Update(
                _scores.Pointer + (query * KvGeometry.BlockTokenCount),
                ref _maxima.Pointer[query],
                ref _sums.Pointer[query],
                _output.Pointer + (query * _headSize),
                _headSize);
        }
    }

    /// <summary>Divides each query's output by the sum of its weights.</summary>
    public void Normalise()
    {
        for (int query = 0; query < QueryCount; query++)
        {
            RowMath.Scale(_output.Pointer + (query * _headSize), 1 / _sums.Pointer[query], _headSize);
        }
    }

    public void Dispose()
    {
        _queries.Dispose();
        _scores.Dispose();
        _output.Dispose();
        _maxima.Dispose();
        _sums.Dispose();
    }
}
