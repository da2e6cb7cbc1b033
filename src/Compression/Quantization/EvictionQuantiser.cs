using System.Numerics;
using System.Runtime.CompilerServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// The baseline of eviction: the most salient tokens stay in 16 bits, the others are gone (H2O, arXiv 2306.14048, a Block at a time). A token that is gone
/// has the score minus infinity; decoded it is zero. Payload: the set of tokens kept in 64 bits, then by head K with one row a channel and V with one row a token.
/// </summary>
/// <param name="shape">Of the layer.</param>
/// <param name="selection">Chooses a multiple of 16 tokens.</param>
/// <param name="path">Instructions to run on.</param>
internal sealed unsafe class EvictionQuantiser(LatentShape shape, TokenSelection selection, SimdPath path) : LayerQuantiser(shape)
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>K and V begin at a multiple of 16 bytes.</summary>
    private const int CodesOffset = 16;

    private readonly PackedMultiply _packed = PackedMultiply.Create(path, 16);

    public override int SizeBytes => CodesOffset + (sizeof(ushort) * selection.Count * (Shape.KeyChannelCount + Shape.ValueChannelCount));

    public override int TokenCount => selection.Count;

    public override int ChosenOffset => 0;

    public override bool NeedsSaliency => selection.NeedsSaliency;

    public override IReadOnlyList<CodeRun> KeyRuns(int head) =>
        [new CodeRun(CodeParameters.None, 16, KeysOffset(head), 0, Shape.KeySize(head), 0, selection.Count)];

    public override IReadOnlyList<CodeRun> ValueRuns(int head) =>
        [new CodeRun(CodeParameters.None, 16, KeysOffset(head) + (sizeof(ushort) * selection.Count * Shape.KeySize(head)), 0, Shape.ValueSize(head), 0, selection.Count)];

    public override void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload)
    {
        ulong kept = selection.Choose(latent, saliency);
        Unsafe.WriteUnaligned(payload, kept);
        Unsafe.WriteUnaligned(payload + sizeof(ulong), 0UL);
        float* stored = TileScratch.Stored.Rent(Shape.Length + TokenOrder.Slack);
        TokenOrder.LayerToStored(Shape, kept, latent, stored);
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            for (int channel = 0; channel < Shape.KeySize(head); channel++)
            {
                Round(stored + Shape.KeyOffset(head) + (channel * Tokens), selection.Count, Keys(head, payload) + (channel * selection.Count));
            }

            Round(stored + Shape.ValueOffset(head), selection.Count * Shape.ValueSize(head), Values(head, payload));
        }
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload) =>
        BitOperations.PopCount(BitConverter.ToUInt64(payload)) == selection.Count && BitConverter.ToUInt64(payload[sizeof(ulong)..]) == 0;

    public override void Decode(byte* payload, float* latent)
    {
        float* stored = TileScratch.Stored.Rent(Shape.Length + TokenOrder.Slack);
        new Span<float>(stored, Shape.Length).Clear();
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            for (int channel = 0; channel < Shape.KeySize(head); channel++)
            {
                Widen(Keys(head, payload) + (channel * selection.Count), selection.Count, stored + Shape.KeyOffset(head) + (channel * Tokens));
            }

            Widen(Values(head, payload), selection.Count * Shape.ValueSize(head), stored + Shape.ValueOffset(head));
        }

        TokenOrder.LayerToTokens(Shape, Kept(payload), stored, latent);
    }

    public override void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores)
    {
        float* stored = TileScratch.Stored.Rent((queryCount * Tokens) + TokenOrder.Slack);
        _packed.Multiply(
            queries, queryStride, queryCount, Shape.KeySize(head), (byte*)Keys(head, payload), selection.Count, stored, Tokens, accumulate: false);
        ulong kept = Kept(payload);
        for (nint row = 0; row < (nint)queryCount * Tokens; row += Tokens)
        {
            new Span<float>(stored + row + selection.Count, Tokens - selection.Count).Fill(float.NegativeInfinity);
            TokenOrder.ToTokens(kept, stored + row, scores + row);
        }
    }

    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride)
    {
        ulong kept = Kept(payload);
        float* stored = TileScratch.Stored.Rent((queryCount * Tokens) + TokenOrder.Slack);
        for (nint row = 0; row < (nint)queryCount * Tokens; row += Tokens)
        {
            TokenOrder.ToStored(kept, weights + row, stored + row);
        }

        _packed.Multiply(
            stored, Tokens, queryCount, selection.Count, (byte*)Values(head, payload), Shape.ValueSize(head), output, outputStride, accumulate: true);
    }

    private static ulong Kept(byte* payload) => Unsafe.ReadUnaligned<ulong>(payload);

    private static void Round(float* source, int length, Half* destination)
    {
        for (int i = 0; i < length; i++)
        {
            destination[i] = (Half)Math.Clamp(source[i], -(float)Half.MaxValue, (float)Half.MaxValue);
        }
    }

    private static void Widen(Half* source, int length, float* destination) =>
        HalfConversion.ToSingle(new ReadOnlySpan<Half>(source, length), new Span<float>(destination, length));

    /// <summary>K of a head; its V follows.</summary>
    private Half* Keys(int head, byte* payload) => (Half*)(payload + KeysOffset(head));

    private int KeysOffset(int head) => CodesOffset + (sizeof(ushort) * (Shape.KeyOffset(head) / Tokens * selection.Count));

    private Half* Values(int head, byte* payload) => Keys(head, payload) + (selection.Count * Shape.KeySize(head));
}
