using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Saliency;

/// <summary>The probe rows of each Block of a Sequence, known before it fills up.</summary>
public sealed class BlockProbes
{
    /// <summary>Draws repeat after so many Blocks.</summary>
    private const int DrawCount = 64;

    private readonly int[][] _columns;

    public BlockProbes(double fraction)
    {
        _columns = [.. Enumerable.Range(0, DrawCount).Select(draw => ProbeRows.Draw(KvGeometry.BlockTokenCount, fraction, (ulong)draw))];
    }

    /// <summary>Probes of a Block.</summary>
    public int Count => _columns[0].Length;

    /// <summary>Columns in the Block, ascending.</summary>
    public ReadOnlySpan<int> Columns(int blockIndex) => _columns[blockIndex % DrawCount];

    /// <summary>How many of them are among the Block's first <paramref name="tokenCount"/> tokens.</summary>
    public int CountBelow(int blockIndex, int tokenCount)
    {
        int count = 0;
        foreach (int column in Columns(blockIndex))
        {
            count += column < tokenCount ? 1 : 0;
        }

        return count;
    }
}
