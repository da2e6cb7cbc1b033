using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>One worker's tile of queries and what they have gathered so far.</summary>
internal sealed unsafe class AttentionScratch : IDisposable
{
    private readonly AlignedBuffer<float> _queries = new();
    private readonly AlignedBuffer<float> _projected = new();
    private readonly AlignedBuffer<float> _gathered = new();
    private readonly AlignedBuffer<float> _scores = new();
    private readonly AlignedBuffer<float> _output = new();
    private readonly AlignedBuffer<float> _maxima = new();
    private readonly AlignedBuffer<float> _sums = new();
    private int _headSize;
    private int _projectedLength;
    private int _gatheredLength;

    public int QueryCount { get; private set; }

    public float* QueryPointer => _queries.Pointer;

    /// <summary>[queries][head size].</summary>
    public ReadOnlySpan<float> Queries => new(_queries.Pointer, QueryCount * _headSize);

    /// <summary>[queries][width], after <see cref="BeginProjected"/>.</summary>
    public Span<float> Projected => new(_projected.Pointer, _projectedLength);

    /// <summary>[queries][width]: weighted sums of projected values, after <see cref="BeginProjected"/>.</summary>
    public Span<float> Gathered => new(_gathered.Pointer, _gatheredLength);

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

    /// <summary>Makes room for a codec's own widths.</summary>
    public void BeginProjected(int queryWidth, int outputWidth)
    {
        _projectedLength = QueryCount * queryWidth;
        _gatheredLength = QueryCount * outputWidth;
        _projected.Reserve(_projectedLength);
        _gathered.Reserve(_gatheredLength);
        Gathered.Clear();
    }

    /// <summary>Scores of a Block become weights, and what was gathered so far is scaled to go with them.</summary>
    /// <param name="firstQuery">First of the queries that attended to the Block.</param>
    /// <param name="gathered">[those queries][width]: part of <see cref="Output"/> or <see cref="Gathered"/>.</param>
    /// <param name="width">Floats of a row.</param>
    public void UpdateSoftmax(int firstQuery, Span<float> gathered, int width)
    {
        int count = gathered.Length / width;
        fixed (float* rows = gathered)
        {
            for (int i = 0; i < count; i++)
            {
                int query = firstQuery + i;
                OnlineSoftmax.Update(
                    _scores.Pointer + (query * KvGeometry.BlockTokenCount), ref _maxima.Pointer[query], ref _sums.Pointer[query], rows + (i * width), width);
            }
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
        _projected.Dispose();
        _gathered.Dispose();
        _scores.Dispose();
        _output.Dispose();
        _maxima.Dispose();
        _sums.Dispose();
    }
}
