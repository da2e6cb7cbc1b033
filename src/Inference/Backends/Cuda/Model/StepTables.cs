using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// What kernels must know of a step, in pinned memory, copied to the device at once. For so many rows, tables of a row each, one after another: tokens,
/// positions, 16-bit pages, probes, tokens of the open Block, rows of logits, failures, starts (and one more); then the entries of attention.
/// A row attends as a Sequence of its own: all sealed Blocks before its own, then its own in 16 bits.
/// </summary>
internal sealed unsafe class StepTables(int openWeight) : IDisposable
{
    private const int TableCount = 8;
    private const int LeastInts = 1 << 16;

    private readonly AttentionEntries _entries = new(openWeight);
    private PinnedMemory _memory = new(LeastInts * sizeof(int));
    private int _rows;

    public Span<int> Tokens => Table(0);

    public Span<int> Positions => Table(1);

    /// <summary>-1: nothing of the row is stored.</summary>
    public Span<int> Pages => Table(2);

    public Span<int> Probes => Table(3);

    public Span<int> LogitsRows => Table(5);

    public ReadOnlySpan<byte> Bytes => new(_memory.Pointer, SizeInts * sizeof(int));

    /// <summary>Length of all tables.</summary>
    public int SizeInts { get; private set; }

    /// <summary>Where a step's tables begin, in bytes from the first.</summary>
    public static Offsets OffsetsOf(int rows) => new(rows);

    /// <summary>Begins a step; all tables are empty.</summary>
    public void Begin(int rows)
    {
        _rows = rows;
        _entries.Clear();
        Reserve(TableInts(rows));
        Tokens.Clear();
        Positions.Clear();
        Pages.Fill(-1);
        Probes.Fill(-1);
        LogitsRows.Clear();
        Table(6).Fill(-1);
    }

    /// <summary>The next row's attention.</summary>
    public void Attend(ReadOnlySpan<int> sealedPages, int openPage, int openTokenCount) => _entries.Add(sealedPages, openPage, openTokenCount);

    /// <summary>All rows have their attention; those left out attend to nothing.</summary>
    public void End()
    {
        while (_entries.SequenceCount < _rows)
        {
            _entries.Add([], 0, 0);
        }

        ReadOnlySpan<uint> entries = _entries.Entries;
        int first = TableInts(_rows);
        SizeInts = first + entries.Length;
        Reserve(SizeInts);
        _entries.OpenTokens.CopyTo(Table(4));
        _entries.Starts.CopyTo(new Span<int>(Pointer + (7 * _rows), _rows + 1));
        entries.CopyTo(new Span<uint>(Pointer + first, entries.Length));
    }

    public void Dispose() => ((IDisposable)_memory).Dispose();

    private int* Pointer => (int*)_memory.Pointer;

    private static int TableInts(int rows) => ((TableCount * rows) + 1 + 3) & -4;

    private Span<int> Table(int index) => new(Pointer + (index * _rows), _rows);

    private void Reserve(int ints)
    {
        if (_memory.GetSpan().Length < ints * sizeof(int))
        {
            var grown = new PinnedMemory(checked(2 * ints * sizeof(int)));
            _memory.GetSpan().CopyTo(grown.GetSpan());
            ((IDisposable)_memory).Dispose();
            _memory = grown;
        }
    }

    /// <summary>Where tables begin.</summary>
    internal readonly struct Offsets(int rows)
    {
        public ulong Tokens => At(0);

        public ulong Positions => At(1);

        public ulong Pages => At(2);

        public ulong Probes => At(3);

        public ulong OpenTokens => At(4);

        public ulong LogitsRows => At(5);

        public ulong Failures => At(6);

        public ulong Starts => At(7);

        public ulong Entries => (ulong)TableInts(rows) * sizeof(int);

        private ulong At(int table) => (ulong)(table * rows) * sizeof(int);
    }
}
