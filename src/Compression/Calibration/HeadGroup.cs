namespace KvCluster.Compression.Calibration;

/// <summary>
/// KV heads whose concatenated keys and values are kept as fewer latent channels. With t heads of size d, x the t·d keys of a token
/// (after RoPE): latent = (x − KeyMean)·KeyMap; a query q of the group's head j has the score
/// q·KeyMean[j] + (q·QueryMap[j])·latent, where [j] are rows j·d to (j+1)·d. Values: latent = (x − ValueMean)·ValueMap, and head j's
/// output is OutputMap[j]·latent + ValueMean[j]. Orthonormal bases have QueryMap = KeyMap and OutputMap = ValueMap.
/// </summary>
public sealed class HeadGroup
{
    /// <summary>In the order of the rows of the maps.</summary>
    public required IReadOnlyList<int> KvHeads { get; init; }

    /// <summary>Latent channels of K; a multiple of 16, at least 16.</summary>
    public required int KeyRank { get; init; }

    /// <summary>Latent channels of V; a multiple of 16, at least 16.</summary>
    public required int ValueRank { get; init; }

    /// <summary>[t·d][KeyRank].</summary>
    public required float[] KeyMap { get; init; }

    /// <summary>[t·d][KeyRank].</summary>
    public required float[] QueryMap { get; init; }

    /// <summary>[t·d][ValueRank].</summary>
    public required float[] ValueMap { get; init; }

    /// <summary>[t·d][ValueRank].</summary>
    public required float[] OutputMap { get; init; }

    /// <summary>[t·d], or empty: zeros.</summary>
    public float[] KeyMean { get; init; } = [];

    /// <summary>[t·d], or empty: zeros.</summary>
    public float[] ValueMean { get; init; } = [];

    /// <summary>Bits of each 16 latent channels of K, 1 to 8, when the spec shares bits out; else empty. Steps are part of the maps then.</summary>
    public byte[] KeyBits { get; init; } = [];

    /// <summary>As <see cref="KeyBits"/>, of V.</summary>
    public byte[] ValueBits { get; init; } = [];
}
