using System.Buffers;
using System.Runtime.InteropServices;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Attention;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// What an encoded page holds of a slab's payload: its bytes, as <see cref="PooledPayload"/> has them, or, where no kernel reads those, the open layer
/// that the codec decodes of them, in 16 bits. Of a payload always the same, whoever encoded it. Safe for many threads.
/// </summary>
/// <param name="codec">Of the payloads.</param>
/// <param name="place">How bytes lie in a page.</param>
/// <param name="isDecoded">Pages hold what payloads decode to.</param>
internal sealed unsafe class PageContents(KvCodec codec, PooledPayload place, bool isDecoded)
{
    public PooledPayload Place => place;

    public bool IsDecoded => isDecoded;

    /// <param name="layer">Index of the layer.</param>
    /// <param name="payload">Well-formed.</param>
    /// <param name="page">At least <see cref="PooledPayload.StrideBytes"/>; bytes that nothing reads stay as they are.</param>
    public void Write(int layer, ReadOnlySpan<byte> payload, Span<byte> page)
    {
        if (!isDecoded)
        {
            place.Place(payload, page);
            return;
        }

        int length = codec.Geometry.OpenLayerLength;
        float[] rented = ArrayPool<float>.Shared.Rent(length);
        try
        {
            Span<float> decoded = rented.AsSpan(0, length);
            codec.Decode(layer, payload, decoded);
            Round(decoded, MemoryMarshal.Cast<byte, Half>(page)[..length]);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>What a codec makes of a value near the greatest may lie beyond it.</summary>
    private static void Round(Span<float> decoded, Span<Half> page)
    {
        fixed (float* source = decoded)
        fixed (Half* destination = page)
        {
            if (HalfRounding.TryRound(source, destination, decoded.Length))
            {
                return;
            }
        }

        for (int i = 0; i < decoded.Length; i++)
        {
            page[i] = (Half)Math.Clamp(decoded[i], -(float)Half.MaxValue, (float)Half.MaxValue);
        }
    }
}
