using System.Runtime.CompilerServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Residual;

/// <summary>
/// GEAR (arXiv 2403.05527, X ≈ D̂ + L + S): the elements farthest from their vectors' means (<see cref="OutlierSelection"/>) are taken out before
/// quantising; L is the best fit of a low rank to what the quantiser lost, per Block and latent head (<see cref="PowerIteration"/>); S holds what
/// then remains in the outliers' places. <c>gear-l</c> is the same without S.
/// </summary>
internal sealed unsafe class GearResidual : LayerResidual
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private readonly ResidualMatrix[] _keys;
    private readonly ResidualMatrix[] _values;
    private readonly float[] _start;

    public GearResidual(LatentShape shape, int layer, GearOptions options)
        : base(shape)
    {
        _keys = new ResidualMatrix[shape.HeadCount];
        _values = new ResidualMatrix[shape.HeadCount];
        int start = 0;
        int taken = 0;
        int longest = 0;
        for (int head = 0; head < shape.HeadCount; head++)
        {
            int keySize = shape.KeySize(head);
            int valueSize = shape.ValueSize(head);
            (int keys, int values) = options.Outliers(Tokens * keySize, Tokens * valueSize);
            (int keyRank, int valueRank) = options.Ranks(keySize, valueSize);
            _keys[head] = new ResidualMatrix(keySize, Tokens, keyRank, keys, shape.KeyOffset(head), start, taken);
            _values[head] = new ResidualMatrix(
                Tokens, valueSize, valueRank, values, shape.ValueOffset(head), _keys[head].End, taken + keys);
            start = _values[head].End;
            taken += keys + values;
            longest = Math.Max(longest, Math.Max(Tokens * keyRank, valueSize * valueRank));
        }

        SizeBytes = start;
        OutlierCount = taken;
        _start = StartVectors.Make(layer, longest);
    }

    public override int SizeBytes { get; }

    public override int OutlierCount { get; }

    public override (StoredResidual Keys, StoredResidual Values) Places(int head, int start) => (_keys[head].Place(start), _values[head].Place(start));

    public override void TakeOutliers(float* latent, byte* payload, float* taken)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            TakeOutliers(_keys[head], latent, payload, taken);
            TakeOutliers(_values[head], latent, payload, taken);
        }
    }

    public override void Fit(float* error, byte* payload, float* taken)
    {
        fixed (float* start = _start)
        {
            for (int head = 0; head < Shape.HeadCount; head++)
            {
                Fit(_keys[head], error, start, payload, taken);
                Fit(_values[head], error, start, payload, taken);
            }
        }
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload)
    {
        if (payload.Length != SizeBytes)
        {
            return false;
        }

        for (int head = 0; head < Shape.HeadCount; head++)
        {
            if (!IsWellFormed(_keys[head], payload) || !IsWellFormed(_values[head], payload))
            {
                return false;
            }
        }

        return true;
    }

    public override void AddTo(float* latent, byte* payload)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            ResidualDecoder.AddTo(_keys[head], payload, latent + _keys[head].LatentOffset);
            ResidualDecoder.AddTo(_values[head], payload, latent + _values[head].LatentOffset);
        }
    }

    public override void PrefetchKeys(int head, byte* payload) => Prefetch(_keys[head], payload);

    public override void PrefetchValues(int head, byte* payload) => Prefetch(_values[head], payload);

    public override void AddScores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores) =>
        ResidualAttention.Add(_keys[head], payload, queries, queryStride, queryCount, scores, Tokens);

    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride) =>
        ResidualAttention.Add(_values[head], payload, weights, Tokens, queryCount, output, outputStride);

    private static void Prefetch(ResidualMatrix matrix, byte* payload) => CacheLines.Prefetch(payload + matrix.Start, matrix.End - matrix.Start);

    private static void TakeOutliers(ResidualMatrix matrix, float* latent, byte* payload, float* taken)
    {
        if (matrix.OutlierCount > 0)
        {
            ResidualFit.TakeOutliers(matrix, latent + matrix.LatentOffset, payload, taken + matrix.TakenOffset);
        }
    }

    private static void Fit(ResidualMatrix matrix, float* error, float* start, byte* payload, float* taken)
    {
        if (matrix.Rank > 0 || matrix.OutlierCount > 0)
        {
            ResidualFit.Fit(matrix, error + matrix.LatentOffset, start, payload, taken + matrix.TakenOffset);
        }
    }

    private static bool IsWellFormed(ResidualMatrix matrix, ReadOnlySpan<byte> payload)
    {
        for (int j = 0; j < matrix.Rank; j++)
        {
            float scale = Unsafe.ReadUnaligned<float>(in payload[matrix.Start + (j * sizeof(float))]);
            if (!float.IsFinite(scale) || scale < 0)
            {
                return false;
            }
        }

        return OutlierList.IsWellFormed(matrix, payload);
    }
}
