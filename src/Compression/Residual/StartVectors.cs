namespace KvCluster.Compression.Residual;

/// <summary>Where power iteration starts: uniform from 0 to 1, by a counter-based generator (SplitMix64), the same everywhere and always.</summary>
internal static class StartVectors
{
    public static float[] Make(int layer, int length)
    {
        float[] start = new float[length];
        for (int i = 0; i < length; i++)
        {
            start[i] = (Mix(((ulong)layer << 32) | (uint)i) >> 40) / (float)(1 << 24);
        }

        return start;
    }

    private static ulong Mix(ulong counter)
    {
        ulong z = (counter + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
