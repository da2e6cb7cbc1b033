using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// The residual stage for one layer (GEAR, arXiv 2403.05527: X ≈ D̂ + L + S): outliers S leave before the quantiser sees its input, the low
/// rank L is fitted to what the quantiser lost. Immutable and safe to use from many threads.
/// </summary>
internal abstract unsafe class LayerResidual(LatentShape shape)
{
    public LatentShape Shape { get; } = shape;

    /// <summary>Bytes that the stage writes, always all of them; they follow the quantiser's.</summary>
    public abstract int SizeBytes { get; }

    /// <summary>Outliers of a Block: floats that <see cref="TakeOutliers"/> leaves for <see cref="Fit"/>.</summary>
    public abstract int OutlierCount { get; }

    /// <summary>Where the residuals of a latent head's K and V are, in a payload in which they begin at <paramref name="start"/>.</summary>
    public abstract (StoredResidual Keys, StoredResidual Values) Places(int head, int start);

    /// <summary>Writes where the outliers are, and puts stand-ins into their places in <paramref name="latent"/>.</summary>
    /// <param name="latent">To be quantised.</param>
    /// <param name="payload">Of the residual.</param>
    /// <param name="taken">By outlier, its difference from its stand-in.</param>
    public abstract void TakeOutliers(float* latent, byte* payload, float* taken);

    /// <summary>Fits and writes L, and the values of S.</summary>
    /// <param name="error">Latent as <see cref="TakeOutliers"/> left it, minus what the quantiser decodes. May be overwritten.</param>
    /// <param name="payload">With the places of S in it.</param>
    /// <param name="taken">As <see cref="TakeOutliers"/> left it. May be overwritten.</param>
    public abstract void Fit(float* error, byte* payload, float* taken);

    /// <inheritdoc cref="LayerQuantiser.IsWellFormed"/>
    public abstract bool IsWellFormed(ReadOnlySpan<byte> payload);

    /// <summary>Completes what the quantiser decoded: + L + S.</summary>
    public abstract void AddTo(float* latent, byte* payload);

    /// <summary>Asks for the bytes that <see cref="AddScores"/> will read.</summary>
    public abstract void PrefetchKeys(int head, byte* payload);

    /// <summary>Asks for the bytes that <see cref="AddValues"/> will read.</summary>
    public abstract void PrefetchValues(int head, byte* payload);

    /// <summary>scores[count][64] += queries[count][stride]·(K of L + S).</summary>
    public abstract void AddScores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores);

    /// <summary>output[count][stride] += weights[count][64]·(V of L + S).</summary>
    public abstract void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride);
}
