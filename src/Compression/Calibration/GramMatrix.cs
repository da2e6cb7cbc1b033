using System.Numerics;
using MathNet.Numerics.LinearAlgebra;
using Lanes = System.Numerics.Vector<double>;

namespace KvCluster.Compression.Calibration;

/// <summary>Σ xᵀx and Σ x over rows x, streamed in 64 bits. Not safe for use from several threads at once.</summary>
public sealed class GramMatrix
{
    private const int StripRowCount = 64;
    private static readonly int LaneCount = Lanes.Count;
    private readonly int _stride;
    private readonly double[] _products; // upper triangle, rows of _stride
    private readonly double[] _sums;
    private readonly double[] _strip;

    /// <param name="size">Elements of a row.</param>
    public GramMatrix(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        Size = size;
        int block = 2 * LaneCount;
        _stride = (size + block - 1) / block * block;
        _products = new double[_stride * _stride];
        _sums = new double[_stride];
        _strip = new double[StripRowCount * _stride];
    }

    public int Size { get; }

    public long RowCount { get; private set; }

    /// <summary>Adds rows.</summary>
    /// <param name="rows">[rowCount][stride], of which the first <see cref="Size"/> elements of each count.</param>
    /// <param name="rowCount">Rows.</param>
    /// <param name="stride">Elements from row to row.</param>
    public void Add(ReadOnlySpan<float> rows, int rowCount, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, Size);
        for (int first = 0; first < rowCount; first += StripRowCount)
        {
            int count = Math.Min(StripRowCount, rowCount - first);
            for (int row = 0; row < count; row++)
            {
                Widen(rows.Slice((first + row) * stride, Size), _strip.AsSpan(row * _stride, Size));
            }

            AddStrip(count);
        }

        RowCount += rowCount;
    }

    /// <summary>Mean of xᵀx, of some of the elements.</summary>
    public Matrix<double> SecondMoment(IReadOnlyList<int> elements)
    {
        ArgumentNullException.ThrowIfNull(elements);
        return Matrix<double>.Build.Dense(elements.Count, elements.Count, (i, j) => Product(elements[i], elements[j]) / Math.Max(1, RowCount));
    }

    /// <summary>Mean of (x − mean)ᵀ(x − mean), of some of the elements.</summary>
    public Matrix<double> Covariance(IReadOnlyList<int> elements)
    {
        double[] mean = Mean(elements);
        Matrix<double> moment = SecondMoment(elements);
        moment.MapIndexedInplace((i, j, value) => value - (mean[i] * mean[j]));
        return moment;
    }

    /// <summary>Mean of x, of some of the elements.</summary>
    public double[] Mean(IReadOnlyList<int> elements) => [.. elements.Select(element => _sums[element] / Math.Max(1, RowCount))];

    private double Product(int i, int j) => _products[(Math.Min(i, j) * _stride) + Math.Max(i, j)];

    private static void Widen(ReadOnlySpan<float> source, Span<double> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = source[i];
        }
    }

    private void AddStrip(int rowCount)
    {
        for (int row = 0; row < rowCount; row++)
        {
            for (int i = 0; i < Size; i++)
            {
                _sums[i] += _strip[(row * _stride) + i];
            }
        }

        int block = 2 * LaneCount;
        for (int i = 0; i < _stride; i += 4)
        {
            for (int j = i / block * block; j < _stride; j += block)
            {
                AddTile(i, j, rowCount);
            }
        }
    }

    /// <summary>Four rows of products by two vectors of columns.</summary>
    private void AddTile(int i, int j, int rowCount)
    {
        Span<double> products = _products;
        Lanes a0 = Load(products, i, j), a1 = Load(products, i, j + LaneCount);
        Lanes b0 = Load(products, i + 1, j), b1 = Load(products, i + 1, j + LaneCount);
        Lanes c0 = Load(products, i + 2, j), c1 = Load(products, i + 2, j + LaneCount);
        Lanes d0 = Load(products, i + 3, j), d1 = Load(products, i + 3, j + LaneCount);
        for (int row = 0; row < rowCount; row++)
        {
            ReadOnlySpan<double> x = _strip.AsSpan(row * _stride, _stride);
            var left = new Lanes(x[j..]);
            var right = new Lanes(x[(j + LaneCount)..]);
            var factor = new Lanes(x[i]);
            a0 = Vector.FusedMultiplyAdd(factor, left, a0);
            a1 = Vector.FusedMultiplyAdd(factor, right, a1);
            factor = new Lanes(x[i + 1]);
            b0 = Vector.FusedMultiplyAdd(factor, left, b0);
            b1 = Vector.FusedMultiplyAdd(factor, right, b1);
            factor = new Lanes(x[i + 2]);
            c0 = Vector.FusedMultiplyAdd(factor, left, c0);
            c1 = Vector.FusedMultiplyAdd(factor, right, c1);
            factor = new Lanes(x[i + 3]);
            d0 = Vector.FusedMultiplyAdd(factor, left, d0);
            d1 = Vector.FusedMultiplyAdd(factor, right, d1);
        }

        Store(products, i, j, a0, a1);
        Store(products, i + 1, j, b0, b1);
        Store(products, i + 2, j, c0, c1);
        Store(products, i + 3, j, d0, d1);
    }

    private Lanes Load(ReadOnlySpan<double> products, int i, int j) => new(products[((i * _stride) + j)..]);

    private void Store(Span<double> products, int i, int j, Lanes left, Lanes right)
    {
        left.CopyTo(products[((i * _stride) + j)..]);
        right.CopyTo(products[((i * _stride) + j + LaneCount)..]);
    }
}
