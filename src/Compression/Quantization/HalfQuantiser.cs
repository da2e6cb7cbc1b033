using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary><c>raw</c> behind a projector or with a residual: latent channels as 16-bit floats in the order of <see cref="LatentShape"/>.</summary>
/// <remarks>Rounded to nearest, ties to even; beyond ±65504 that.</remarks>
internal sealed unsafe class HalfQuantiser(LatentShape shape, SimdPath path) : LayerQuantiser(shape)
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int PieceLength = 4096;
    private readonly PackedMultiply _packed = PackedMultiply.Create(path, bitCount: 16);

    public override int SizeBytes => sizeof(ushort) * Shape.Length;

    public override IReadOnlyList<CodeRun> KeyRuns(int head) =>
        [new CodeRun(CodeParameters.None, 16, sizeof(ushort) * Shape.KeyOffset(head), 0, Shape.KeySize(head), 0, Tokens)];

    public override IReadOnlyList<CodeRun> ValueRuns(int head) =>
        [new CodeRun(CodeParameters.None, 16, sizeof(ushort) * Shape.ValueOffset(head), 0, Shape.ValueSize(head), 0, Tokens)];

    public override void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload)
    {
        float* clamped = TileScratch.Rows.Rent(PieceLength);
        var halves = (Half*)payload;
        for (int i = 0; i < Shape.Length; i += PieceLength)
        {
            int length = Math.Min(PieceLength, Shape.Length - i);
            var piece = new Span<float>(clamped, length);
            TensorPrimitives.Clamp(new ReadOnlySpan<float>(latent + i, length), (float)Half.MinValue, (float)Half.MaxValue, piece);
            TensorPrimitives.ConvertToHalf(piece, new Span<Half>(halves + i, length));
        }
    }

    /// <summary>Any bytes are 16-bit floats, and attention takes none of them for infinity or NaN.</summary>
    public override bool IsWellFormed(ReadOnlySpan<byte> payload) => true;

    public override void Decode(byte* payload, float* latent) =>
        HalfConversion.ToSingle(new ReadOnlySpan<Half>(payload, Shape.Length), new Span<float>(latent, Shape.Length));

    public override void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores)
    {
        byte* keys = payload + (sizeof(ushort) * Shape.KeyOffset(head));
        _packed.Multiply(queries, queryStride, queryCount, Shape.KeySize(head), keys, Tokens, scores, Tokens, accumulate: false);
    }

    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride)
    {
        byte* values = payload + (sizeof(ushort) * Shape.ValueOffset(head));
        _packed.Multiply(weights, Tokens, queryCount, Tokens, values, Shape.ValueSize(head), output, outputStride, accumulate: true);
    }
}
