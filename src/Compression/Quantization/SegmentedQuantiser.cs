using System.Numerics;
using System.Runtime.CompilerServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Quantises K and V apart, each in segments of tokens. Mixed precision (ZipCache, arXiv 2405.14256): chosen tokens are stored first, so that each
/// segment has one width and attention has no branch a token. Payload: that of K, that of V, then, when tokens are chosen, the set of them in 64 bits.
/// </summary>
/// <param name="keys">Of K.</param>
/// <param name="values">Of V.</param>
/// <param name="selection">Chooses the tokens of the first segment; null: tokens are stored in their order.</param>
internal sealed unsafe class SegmentedQuantiser(TensorQuantiser keys, TensorQuantiser values, TokenSelection? selection) : LayerQuantiser(keys.Shape)
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    public override int SizeBytes { get; } = keys.SizeBytes + values.SizeBytes + (selection is null ? 0 : sizeof(ulong));

    public override int ChosenOffset => selection is null ? -1 : SelectionOffset;

    public override bool NeedsSaliency => selection?.NeedsSaliency ?? false;

    private int ValuesOffset { get; } = keys.SizeBytes;

    private int SelectionOffset { get; } = keys.SizeBytes + values.SizeBytes;

    public override IReadOnlyList<CodeRun> KeyRuns(int head) => keys.Runs(head, 0);

    public override IReadOnlyList<CodeRun> ValueRuns(int head) => values.Runs(head, ValuesOffset);

    public override void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload)
    {
        new Span<byte>(payload, SizeBytes).Clear();
        float* source = latent;
        if (selection is not null)
        {
            ulong chosen = selection.Choose(latent, saliency);
            Unsafe.WriteUnaligned(payload + SelectionOffset, chosen);
            source = TileScratch.Stored.Rent(Shape.Length + TokenOrder.Slack);
            TokenOrder.LayerToStored(Shape, chosen, latent, source);
        }

        keys.Encode(source, payload);
        values.Encode(source, payload + ValuesOffset);
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload) =>
        keys.IsWellFormed(payload[..ValuesOffset])
        && values.IsWellFormed(payload[ValuesOffset..SelectionOffset])
        && (selection is null || BitOperations.PopCount(BitConverter.ToUInt64(payload[SelectionOffset..])) == selection.Count);

    public override void Decode(byte* payload, float* latent)
    {
        float* destination = selection is null ? latent : TileScratch.Stored.Rent(Shape.Length + TokenOrder.Slack);
        keys.Decode(payload, destination);
        values.Decode(payload + ValuesOffset, destination);
        if (selection is not null)
        {
            TokenOrder.LayerToTokens(Shape, Chosen(payload), destination, latent);
        }
    }

    public override void PrefetchKeys(int head, byte* payload) => keys.Prefetch(head, payload);

    public override void PrefetchValues(int head, byte* payload) => values.Prefetch(head, payload + ValuesOffset);

    public override void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores)
    {
        if (selection is null)
        {
            keys.Multiply(head, payload, queries, queryStride, queryCount, scores, Tokens);
            return;
        }

        ulong chosen = Chosen(payload);
        float* stored = TileScratch.Stored.Rent((queryCount * Tokens) + TokenOrder.Slack);
        keys.Multiply(head, payload, queries, queryStride, queryCount, stored, Tokens);
        for (nint row = 0; row < (nint)queryCount * Tokens; row += Tokens)
        {
            TokenOrder.ToTokens(chosen, stored + row, scores + row);
        }
    }

    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride)
    {
        float* stored = weights;
        if (selection is not null)
        {
            ulong chosen = Chosen(payload);
            stored = TileScratch.Stored.Rent((queryCount * Tokens) + TokenOrder.Slack);
            for (nint row = 0; row < (nint)queryCount * Tokens; row += Tokens)
            {
                TokenOrder.ToStored(chosen, weights + row, stored + row);
            }
        }

        values.Multiply(head, payload + ValuesOffset, stored, Tokens, queryCount, output, outputStride);
    }

    private ulong Chosen(byte* payload) => Unsafe.ReadUnaligned<ulong>(payload + SelectionOffset);
}
