namespace KvCluster.Compression.Calibration;

/// <summary>Which KV heads are kept together.</summary>
internal static class HeadGrouping
{
    /// <summary>Neighbours.</summary>
    public static int[][] Contiguous(int headCount, int groupSize) => [.. Enumerable.Range(0, headCount).Chunk(groupSize)];

    /// <summary>
    /// Groups of equal size that lose little when merged: groups of one head are joined in pairs until they are large enough, each time the
    /// pair with the smallest loss among those still free.
    /// </summary>
    /// <param name="headCount">A multiple of <paramref name="groupSize"/>.</param>
    /// <param name="groupSize">A power of two.</param>
    /// <param name="loss">Of heads that would be one group.</param>
    public static int[][] Similar(int headCount, int groupSize, Func<int[], double> loss)
    {
        int[][] groups = Contiguous(headCount, 1);
        while (groups[0].Length < groupSize)
        {
            groups = Pair(groups, loss);
        }

        return groups;
    }

    private static int[][] Pair(int[][] groups, Func<int[], double> loss)
    {
        var candidates = new List<(double Loss, int First, int Second, int[] Heads)>();
        for (int i = 0; i < groups.Length; i++)
        {
            for (int j = i + 1; j < groups.Length; j++)
            {
                int[] heads = [.. groups[i].Concat(groups[j]).Order()];
                candidates.Add((loss(heads), i, j, heads));
            }
        }

        var taken = new HashSet<int>();
        var joined = new List<int[]>();
        foreach ((_, int first, int second, int[] heads) in candidates.OrderBy(candidate => candidate.Loss))
        {
            if (!taken.Contains(first) && !taken.Contains(second))
            {
                taken.Add(first);
                taken.Add(second);
                joined.Add(heads);
            }
        }

        return [.. joined.OrderBy(heads => heads[0])];
    }
}
