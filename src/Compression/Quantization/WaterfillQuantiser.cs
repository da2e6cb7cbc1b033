using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Every 16 latent channels have their own bits, by reverse water-filling on the variances of rotated components (Cover and Thomas, Elements of
/// Information Theory, 10.3.3): none is ZACK's truncation, equal ones are plain quantisation. Bits and steps are part of the Profile, steps within its
/// maps, so a payload holds nothing but codes: x̂ = code − 2^(b−1) + ½.
/// </summary>
/// <remarks>Payload, by head: K by runs of equal bits, one row a channel; V by runs, one row a token.</remarks>
internal sealed unsafe class WaterfillQuantiser : LayerQuantiser
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int TileSize = 64;

    /// <summary>Up to so many, codes are unpacked in registers.</summary>
    private const int FusedMaxQueryCount = 3;

    private readonly SimdPath _path;
    private readonly BitRun[][] _keys; // by head
    private readonly BitRun[][] _values;
    private readonly float[][] _keyZeros;
    private int _size;

    /// <param name="shape">Of the layer.</param>
    /// <param name="bits">Of each 16 channels of K and of V, by head; 1 to 8.</param>
    /// <param name="path">Instructions to run on.</param>
    /// <exception cref="ArgumentException">The bits are not those of the shape's channels.</exception>
    public WaterfillQuantiser(LatentShape shape, IReadOnlyList<(byte[] Keys, byte[] Values)> bits, SimdPath path)
        : base(shape)
    {
        _path = path;
        _keys = new BitRun[shape.HeadCount][];
        _values = new BitRun[shape.HeadCount][];
        _keyZeros = new float[shape.HeadCount][];
        for (int head = 0; head < shape.HeadCount; head++)
        {
            _keys[head] = Runs(bits[head].Keys, shape.KeySize(head), path);
            _values[head] = Runs(bits[head].Values, shape.ValueSize(head), path);
            _keyZeros[head] = [.. _keys[head].SelectMany(run => Enumerable.Repeat(run.Zero, run.Width))];
        }
    }

    public override int SizeBytes => _size;

    public override IReadOnlyList<CodeRun> KeyRuns(int head) => Describe(_keys[head]);

    public override IReadOnlyList<CodeRun> ValueRuns(int head) => Describe(_values[head]);

    public override void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            float* keys = latent + Shape.KeyOffset(head);
            foreach (BitRun run in _keys[head])
            {
                MidRiseCodes.Pack(keys + ((nint)run.Start * Tokens), Tokens, run.Width, Tokens, run.BitCount, payload + run.Offset);
            }

            float* values = latent + Shape.ValueOffset(head);
            foreach (BitRun run in _values[head])
            {
                MidRiseCodes.Pack(values + run.Start, Shape.ValueSize(head), Tokens, run.Width, run.BitCount, payload + run.Offset);
            }
        }
    }

    /// <summary>Any bytes are codes.</summary>
    public override bool IsWellFormed(ReadOnlySpan<byte> payload) => true;

    public override void Decode(byte* payload, float* latent)
    {
        for (int head = 0; head < Shape.HeadCount; head++)
        {
            float* keys = latent + Shape.KeyOffset(head);
            foreach (BitRun run in _keys[head])
            {
                MidRiseCodes.Unpack(payload + run.Offset, run, run.Width, Tokens, keys + ((nint)run.Start * Tokens), Tokens);
            }

            float* values = latent + Shape.ValueOffset(head);
            foreach (BitRun run in _values[head])
            {
                MidRiseCodes.Unpack(payload + run.Offset, run, Tokens, run.Width, values + run.Start, Shape.ValueSize(head));
            }
        }
    }

    public override void PrefetchKeys(int head, byte* payload) =>
        CacheLines.Prefetch(payload + _keys[head][0].Offset, _values[head][0].Offset - _keys[head][0].Offset);

    public override void PrefetchValues(int head, byte* payload)
    {
        int start = _values[head][0].Offset;
        CacheLines.Prefetch(payload + start, (head + 1 < _keys.Length ? _keys[head + 1][0].Offset : _size) - start);
    }

    /// <summary>score = Σ q·zero, then a chain of q·code.</summary>
    public override void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores)
    {
        fixed (float* zeros = _keyZeros[head])
        {
            for (int i = 0; i < queryCount; i++)
            {
                float sum = LaneDot.Dot(queries + ((nint)i * queryStride), zeros, Shape.KeySize(head));
                new Span<float>(scores + ((nint)i * Tokens), Tokens).Fill(sum);
            }
        }

        if (queryCount > FusedMaxQueryCount)
        {
            AddScoresByTiles(head, payload, queries, queryStride, queryCount, scores);
            return;
        }

        foreach (BitRun run in _keys[head])
        {
            run.Packed.Multiply(queries + run.Start, queryStride, queryCount, run.Width, payload + run.Offset, Tokens, scores, Tokens, accumulate: true);
        }
    }

    /// <summary>output += zero·Σ w, then a chain of w·code.</summary>
    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride)
    {
        for (int i = 0; i < queryCount; i++)
        {
            float sum = LaneDot.Sum(weights + ((nint)i * Tokens), Tokens);
            foreach (BitRun run in _values[head])
            {
                ScaleFolding.Add(output + ((nint)i * outputStride) + run.Start, run.Zero * sum, run.Width);
            }
        }

        if (queryCount > FusedMaxQueryCount)
        {
            AddValuesByTiles(head, payload, weights, queryCount, output, outputStride);
            return;
        }

        foreach (BitRun run in _values[head])
        {
            run.Packed.Multiply(
                weights, Tokens, queryCount, Tokens, payload + run.Offset, run.Width, output + run.Start, outputStride, accumulate: true);
        }
    }

    /// <summary>Runs of bits are short, and a tile costs as much to add to its sums as to multiply: tiles take 64 channels, of whatever runs.</summary>
    private void AddScoresByTiles(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores)
    {
        int size = Shape.KeySize(head);
        float* tile = TileScratch.Tile.Rent(TileSize * Tokens);
        for (int start = 0; start < size; start += TileSize)
        {
            int end = Math.Min(start + TileSize, size);
            foreach (BitRun run in _keys[head])
            {
                (int first, int count) = run.Within(start, end);
                if (count > 0)
                {
                    byte* codes = payload + run.Offset + ((nint)(first - run.Start) * Tokens * run.BitCount / 8);
                    run.Packed.Expand(codes, count, Tokens, tile + ((nint)(first - start) * Tokens), Tokens);
                }
            }

            var operands = new TileOperands(queries + start, queryStride, tile, Tokens, scores, Tokens, end - start, accumulate: true);
            TileMultiply.Multiply(_path, operands, queryCount, Tokens);
        }
    }

    private void AddValuesByTiles(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride)
    {
        int size = Shape.ValueSize(head);
        float* tile = TileScratch.Tile.Rent(Tokens * TileSize);
        for (int start = 0; start < size; start += TileSize)
        {
            int end = Math.Min(start + TileSize, size);
            foreach (BitRun run in _values[head])
            {
                (int first, int count) = run.Within(start, end);
                if (count > 0)
                {
                    run.Packed.ExpandColumns(payload + run.Offset, Tokens, run.Width, first - run.Start, count, tile + (first - start), TileSize);
                }
            }

            var operands = new TileOperands(weights, Tokens, tile, TileSize, output + start, outputStride, Tokens, accumulate: true);
            TileMultiply.Multiply(_path, operands, queryCount, end - start);
        }
    }

    private static CodeRun[] Describe(BitRun[] runs) =>
        Array.ConvertAll(runs, run => new CodeRun(CodeParameters.None, run.BitCount, run.Offset, run.Start, run.Width, 0, Tokens));

    private BitRun[] Runs(byte[] bits, int size, SimdPath path)
    {
        if (bits.Length * PackedCodes.GroupLength != size || bits.Any(count => count is 0 or > 8))
        {
            throw new ArgumentException($"{size} channels need 1 to 8 bits for each {PackedCodes.GroupLength} of them: there are {bits.Length} numbers.");
        }

        var runs = new List<BitRun>();
        for (int start = 0, end; start < bits.Length; start = end)
        {
            for (end = start; end < bits.Length && bits[end] == bits[start];)
            {
                end++;
            }

            int width = (end - start) * PackedCodes.GroupLength;
            runs.Add(new BitRun(start * PackedCodes.GroupLength, width, bits[start], _size, PackedMultiply.Create(path, bits[start])));
            _size += Tokens * width * bits[start] / 8;
        }

        return [.. runs];
    }
}
