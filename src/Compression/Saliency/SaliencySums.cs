namespace KvCluster.Compression.Saliency;

/// <summary>Sums of attention by token, over probes and heads, and what becomes of them.</summary>
public static class SaliencySums
{
    /// <summary>Divides each token's sum in place (ZipCache, arXiv 2405.14256: p̃_i = Σ_k A[k,i] / nnz(A[:,i])).</summary>
    /// <param name="sums">By token, of the first rows of the matrix A.</param>
    /// <param name="probes">Ascending; row k sees tokens 0 to k.</param>
    /// <param name="rowCount">Rows of A, probes or not.</param>
    /// <param name="norm">The divisor.</param>
    public static void Normalise(Span<float> sums, ReadOnlySpan<int> probes, int rowCount, SaliencyNorm norm)
    {
        int passed = 0;
        for (int token = 0; token < sums.Length; token++)
        {
            while (passed < probes.Length && probes[passed] < token)
            {
                passed++;
            }

            int seenBy = norm switch
            {
                SaliencyNorm.Probes => probes.Length - passed,
                SaliencyNorm.Official => rowCount - token,
                _ => 1,
            };
            sums[token] = seenBy > 0 ? sums[token] / seenBy : 0;
        }
    }
}
