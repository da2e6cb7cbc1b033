using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>Made-up open layers: channels of very different size, as keys have.</summary>
internal static class OpenLayers
{
    public static Half[] Random(KvGeometry geometry, int seed)
    {
        var random = new Random(seed);
        var layer = new Half[geometry.OpenLayerLength];
        int headLength = KvGeometry.BlockTokenCount * geometry.HeadSize;
        for (int i = 0; i < layer.Length; i++)
        {
            bool isKey = i / headLength % 2 == 0;
            int channel = isKey ? i % headLength / KvGeometry.BlockTokenCount : i % geometry.HeadSize;
            double size = channel % 7 == 3 ? 20 : 0.5 + (channel % 5);
            layer[i] = (Half)((random.NextDouble() + random.NextDouble() - 1) * size);
        }

        return layer;
    }

    public static float[] Floats(int length, int seed)
    {
        var random = new Random(seed);
        var floats = new float[length];
        for (int i = 0; i < length; i++)
        {
            floats[i] = (float)(random.NextDouble() + random.NextDouble() - 1);
        }

        return floats;
    }
}
