using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>
/// The tables of a prefill step, built on the host, the same for all layers: Sequences in the order in which they are added, earlier Blocks of each,
/// and tiles, the longest first. Reused from step to step without allocating once grown.
/// </summary>
internal sealed class PrefillTables
{
    /// <summary>Queries of a tile.</summary>
    public const int TileRowCount = 128;

    private const int BlockTokenCount = 64;
    private const uint OpenKind = 0x80000000;

    /// <summary>Set in the count of rows of local Sequences.</summary>
    private const int LocalRows = 0x40000000;

    private readonly List<(int FirstRow, int RowCount, int FirstPastRow, int PastRowCount)> _sequences = [];
    private readonly List<(uint Entry, int FirstRow, int TokenCount, int Unused)> _blocks = [];
    private readonly List<(int Sequence, int FirstQuery)> _tiles = [];
    private readonly Comparison<(int Sequence, int FirstQuery)> _longestFirst;

    public PrefillTables() => _longestFirst = (a, b) =>
    {
        int byLength = Length(b).CompareTo(Length(a));
        return byLength != 0 ? byLength : a.CompareTo(b);
    };

    /// <summary>Queries of all Sequences.</summary>
    public int RowCount { get; private set; }

    /// <summary>Earlier tokens of all Sequences.</summary>
    public int PastRowCount { get; private set; }

    public int TileCount => _tiles.Count;

    public int BlockCount => _blocks.Count;

    /// <summary>For <see cref="PrefillWork.Sequences"/>.</summary>
    public ReadOnlySpan<byte> Sequences => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_sequences));

    /// <summary>For <see cref="PrefillWork.Tiles"/>; after <see cref="Finish"/>.</summary>
    public ReadOnlySpan<byte> Tiles => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_tiles));

    /// <summary>For <see cref="ExpandWork.Items"/>.</summary>
    public ReadOnlySpan<byte> Blocks => MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_blocks));

    public void Clear()
    {
        _sequences.Clear();
        _blocks.Clear();
        _tiles.Clear();
        RowCount = 0;
        PastRowCount = 0;
    }

    /// <summary>Adds a Sequence; its queries follow those of the Sequence before it, its earlier tokens likewise.</summary>
    /// <param name="rowCount">Queries: its newest tokens, at least 1.</param>
    /// <param name="sealedBlocks">Places of its earlier sealed Blocks in their pool.</param>
    /// <param name="openBlock">Place of its open Block.</param>
    /// <param name="openTokenCount">Earlier tokens of that; 0: there are none.</param>
    public void Add(int rowCount, ReadOnlySpan<int> sealedBlocks, int openBlock, int openTokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)openTokenCount, (uint)BlockTokenCount, nameof(openTokenCount));
        int firstPast = AddPast(sealedBlocks, openBlock, openTokenCount);
        AddRows(RowCount, rowCount, firstPast, PastRowCount - firstPast);
    }

    /// <summary>Adds earlier tokens that several calls of <see cref="AddRows"/> may share: sealed Blocks, then those of an open one.</summary>
    /// <returns>Their first row.</returns>
    public int AddPast(ReadOnlySpan<int> sealedBlocks, int openBlock, int openTokenCount)
    {
        int first = PastRowCount;
        foreach (int block in sealedBlocks)
        {
            AddBlock((uint)block, 0, BlockTokenCount);
        }

        if (openTokenCount > 0)
        {
            AddBlock((uint)openBlock, OpenKind, openTokenCount);
        }

        return first;
    }

    /// <summary>Adds queries that stand anywhere among the rows of the step.</summary>
    /// <param name="firstRow">Of the queries, and of their K and V.</param>
    /// <param name="rowCount">Queries.</param>
    /// <param name="firstPastRow">Of what they attend to before their own.</param>
    /// <param name="pastRowCount">How many of that the first of them does.</param>
    /// <param name="isLocal">
    /// They begin with a Block, and each attends to 16-bit K and V of its own Block only, and to the Blocks before that as earlier tokens: 64 more for each Block.
    /// </param>
    public void AddRows(int firstRow, int rowCount, int firstPastRow, int pastRowCount, bool isLocal = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowCount);
        for (int query = 0; query < rowCount; query += TileRowCount)
        {
            _tiles.Add((_sequences.Count, query));
        }

        _sequences.Add((firstRow, isLocal ? rowCount | LocalRows : rowCount, firstPastRow, pastRowCount));
        RowCount += rowCount;
    }

    /// <summary>After the last Sequence.</summary>
    public void Finish() => _tiles.Sort(_longestFirst);

    private void AddBlock(uint block, uint kind, int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(block, (uint)AttentionEntries.MaxBlockIndex, nameof(block));
        _blocks.Add((kind | block, PastRowCount, tokenCount, 0));
        PastRowCount += tokenCount;
    }

    private int Length((int Sequence, int FirstQuery) tile) => _sequences[tile.Sequence].PastRowCount + tile.FirstQuery;
}
