namespace KvCluster.Inference.Models;

/// <summary>Inverse frequencies of rotary embeddings (Su et al. 2021, RoFormer; scaling as in Llama 3.1).</summary>
public static class RopeFrequencies
{
    /// <summary>
    /// Angles in radians per position: <c>HeadSize / 2</c> values, <c>theta^(-2i/HeadSize)</c>, stretched as config says.
    /// Pair i rotates elements i and i + HeadSize/2 of a head.
    /// </summary>
    /// <exception cref="ModelLoadException">The scaling kind is not supported (dynamic, yarn).</exception>
    public static float[] Compute(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var scaling = config.RopeScaling;
        if (!IsSupported(scaling.Kind))
        {
            throw new ModelLoadException(
                $"RoPE scaling '{scaling.Kind.ToString().ToLowerInvariant()}' is not supported; supported are default, linear and llama3.");
        }

        var frequencies = new float[config.HeadSize / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadSize);
            frequencies[i] = (float)(scaling.Kind switch
            {
                RopeScalingKind.Linear => frequency / scaling.Factor,
                RopeScalingKind.Llama3 => ScaleLlama3(frequency, scaling),
                _ => frequency,
            });
        }

        return frequencies;
    }

    internal static bool IsSupported(RopeScalingKind kind) =>
        kind is RopeScalingKind.None or RopeScalingKind.Linear or RopeScalingKind.Llama3;

    private static double ScaleLlama3(double frequency, RopeScaling scaling)
    {
        // Between the two cut-off wavelengths the factor is blended linearly in 1/wavelength.
        var wavelength = 2 * Math.PI / frequency;
        var cycles = scaling.OriginalMaxPositionCount / wavelength;
        if (cycles > scaling.HighFrequencyFactor)
        {
            return frequency;
        }

        if (cycles < scaling.LowFrequencyFactor)
        {
            return frequency / scaling.Factor;
        }

        var kept = (cycles - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (kept * frequency) + ((1 - kept) * frequency / scaling.Factor);
    }
}
