namespace KvCluster.Compression.Calibration;

/// <summary>
/// The maps of the keys, or of the values, of a <see cref="HeadGroup"/> as Profiles store them: in 16 bits, steps apart. What is stored is
/// exactly what is used.
/// </summary>
public sealed class SideBasis
{
    /// <summary>Latent channels; a multiple of 16, at least 16.</summary>
    public required int Rank { get; init; }

    /// <summary>[t·d][Rank]: from a token's channels to latent channels.</summary>
    public required Half[] Map { get; init; }

    /// <summary>What <see cref="Map"/> was made of, and is stored as; null: the map is stored.</summary>
    public Reflections? Reflections { get; init; }

    /// <summary>[t·d][Rank]: back (V), or of queries (K). Empty: the same as <see cref="Map"/>, so the basis is orthonormal.</summary>
    public Half[] Inverse { get; init; } = [];

    /// <summary>[Rank], or empty: what one unit of a latent channel is worth; divides the map and multiplies its inverse.</summary>
    public float[] Steps { get; init; } = [];

    /// <summary>[t·d], or empty: zeros.</summary>
    public float[] Mean { get; init; } = [];

    /// <summary>Bits of each 16 latent channels, 1 to 8, or empty.</summary>
    public byte[] Bits { get; init; } = [];

    /// <summary>The map that is multiplied with.</summary>
    public float[] UsedMap() => Scale(Map, divides: true);

    /// <summary>The inverse map that is multiplied with.</summary>
    public float[] UsedInverse() => Scale(Inverse.Length == 0 ? Map : Inverse, divides: false);

    private float[] Scale(Half[] map, bool divides)
    {
        float[] scaled = new float[map.Length];
        for (int i = 0; i < map.Length; i++)
        {
            float step = Steps.Length == 0 ? 1 : Steps[i % Rank];
            scaled[i] = divides ? (float)map[i] / step : (float)map[i] * step;
        }

        return scaled;
    }
}
