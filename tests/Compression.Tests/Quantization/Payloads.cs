using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

internal static unsafe class Payloads
{
    /// <summary>By token: later ones matter more, every third one most.</summary>
    public static float[] Saliency { get; } = [.. Enumerable.Range(0, 64).Select(token => (token % 3 == 0 ? 1 : 0) + (token / 100f))];

    public static byte[] Encode(LayerQuantiser quantiser, float[] latent) => Encode(quantiser, latent, Saliency);

    public static byte[] Encode(LayerQuantiser quantiser, float[] latent, float[] saliency)
    {
        byte[] payload = new byte[quantiser.SizeBytes];
        payload.AsSpan().Fill(0xA5);
        float[] copy = [.. latent];
        fixed (byte* destination = payload)
        fixed (float* source = copy)
        {
            quantiser.Encode(source, quantiser.NeedsSaliency ? saliency : default, destination);
        }

        Assert.Equal(latent, copy);
        return payload;
    }

    public static float[] Decode(LayerQuantiser quantiser, byte[] payload)
    {
        float[] latent = new float[quantiser.Shape.Length];
        fixed (byte* source = payload)
        fixed (float* destination = latent)
        {
            quantiser.Decode(source, destination);
        }

        return latent;
    }
}
