using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>
/// The tables of Kernels/work.cuh, built on the host: an entry a sealed Block, and for an open Block one and padding. Sequences in the order in which they
/// are added; reused from step to step without allocating once grown.
/// </summary>
/// <param name="openWeight">Entries that an open Block counts for.</param>
internal sealed class AttentionEntries(int openWeight)
{
    public const int MaxBlockIndex = 0x3FFFFFFF;

    private const uint OpenKind = 0x80000000;
    private const uint PaddingKind = 0xC0000000;

    private readonly List<uint> _entries = [];
    private readonly List<int> _starts = [0];
    private readonly List<int> _openTokens = [];

    /// <summary>Of all Sequences, one after another.</summary>
    public ReadOnlySpan<uint> Entries => CollectionsMarshal.AsSpan(_entries);

    /// <summary>Where each Sequence's begin, and where the last one's end.</summary>
    public ReadOnlySpan<int> Starts => CollectionsMarshal.AsSpan(_starts);

    /// <summary>Tokens of each Sequence's open Block.</summary>
    public ReadOnlySpan<int> OpenTokens => CollectionsMarshal.AsSpan(_openTokens);

    public int SequenceCount => _openTokens.Count;

    public void Clear()
    {
        _entries.Clear();
        _starts.RemoveRange(1, _starts.Count - 1);
        _openTokens.Clear();
    }

    /// <summary>Adds a Sequence.</summary>
    /// <param name="sealedBlocks">Places of its sealed Blocks in their pool.</param>
    /// <param name="openBlock">Place of its open Block.</param>
    /// <param name="openTokenCount">Tokens of that, up to all 64; 0: there is none.</param>
    public void Add(ReadOnlySpan<int> sealedBlocks, int openBlock, int openTokenCount)
    {
        foreach (int block in sealedBlocks)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)block, (uint)MaxBlockIndex, nameof(sealedBlocks));
            _entries.Add((uint)block);
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)openTokenCount, 64u, nameof(openTokenCount));
        if (openTokenCount > 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)openBlock, (uint)MaxBlockIndex, nameof(openBlock));
            _entries.Add(OpenKind | (uint)openBlock);
            for (int i = 1; i < openWeight; i++)
            {
                _entries.Add(PaddingKind);
            }
        }

        _starts.Add(_entries.Count);
        _openTokens.Add(openTokenCount);
    }
}
