using System.Buffers;
using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Attention;

namespace KvCluster.Inference.Backends.Cuda.Paging;

/// <summary>
/// What an encoded page holds of a slab's payload: its bytes, as <see cref="PooledPayload"/> has them or as they are, or, where no kernel reads those, the open
/// layer that the codec decodes of them, in 16 bits. Of a payload always the same, whoever encoded it. Safe for many threads.
/// </summary>
/// <param name="codec">Of the payloads.</param>
/// <param name="place">How bytes lie in a page; null: as in the slab.</param>
/// <param name="isDecoded">Pages hold what payloads decode to.</param>
internal sealed unsafe class PageContents(KvCodec codec, PooledPayload? place, bool isDecoded)
{
    private readonly float[] _channels = UnitVectors(codec.Geometry.HeadSize);
    private readonly float[] _tokens = UnitVectors(KvGeometry.BlockTokenCount);

    /// <summary>Of a page in the layer where that is most.</summary>
    public int StrideBytes { get; } = Enumerable.Range(0, codec.Geometry.LayerCount).Max(layer => StrideIn(codec, place, layer));

    public bool IsDecoded => isDecoded;

    /// <summary>From page to page in a layer.</summary>
    public int StrideOf(int layer) => StrideIn(codec, place, layer);

    /// <param name="layer">Index of the layer.</param>
    /// <param name="payload">Well-formed.</param>
    /// <param name="page">At least <see cref="StrideOf"/>; bytes that nothing reads stay as they are.</param>
    public void Write(int layer, ReadOnlySpan<byte> payload, Span<byte> page)
    {
        if (place is null)
        {
            payload.CopyTo(page);
            return;
        }

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
            Decode(layer, payload, decoded);
            Round(decoded, MemoryMarshal.Cast<byte, Half>(page)[..length]);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>
    /// With the products of attention: unit vectors as queries give K, as weights V. That takes every codec about as long, where the plain decoding of a
    /// residual takes six times that. Projected channels are decoded the plain way.
    /// </summary>
    private void Decode(int layer, ReadOnlySpan<byte> payload, Span<float> decoded)
    {
        if (codec.IsProjected)
        {
            codec.Decode(layer, payload, decoded);
            return;
        }

        int size = codec.Geometry.HeadSize, length = KvGeometry.BlockTokenCount * size;
        for (int head = 0; head < codec.Geometry.KvHeadCount; head++)
        {
            codec.Scores(layer, head, payload, _channels, size, decoded.Slice(2 * head * length, length));
            Span<float> values = decoded.Slice(((2 * head) + 1) * length, length);
            values.Clear();
            codec.AddValues(layer, head, payload, _tokens, KvGeometry.BlockTokenCount, values);
        }
    }

    private static int StrideIn(KvCodec codec, PooledPayload? place, int layer) =>
        place?.StrideBytes ?? PooledPayload.WholeLines(codec.MaxPayloadSizeBytes(layer));

    private static float[] UnitVectors(int count)
    {
        float[] vectors = new float[count * count];
        for (int i = 0; i < count; i++)
        {
            vectors[(count + 1) * i] = 1;
        }

        return vectors;
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
