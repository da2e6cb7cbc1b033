using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Attention of a few queries to a list of encoded Blocks, and to nothing else: all scores, one softmax, all values.</summary>
/// <remarks>Buffers are kept from call to call. Used by one thread at a time.</remarks>
internal sealed class EncodedAttention(KvCodec codec)
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>Queries carry log2(e), so that softmax of the engine works in base 2.</summary>
    private const float NaturalLogOfTwo = 0.69314718f;

    private float[] _projected = [];
    private float[] _gathered = [];
    private float[] _blockScores = [];
    private float[] _rowScores = [];

    /// <summary>The payload of a layer of a Block.</summary>
    public delegate ReadOnlySpan<byte> PayloadOf(int block);

    /// <summary>Heads that the codec stores together can be given together, as the engine does: it unpacks them once.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="kvHeads">KV heads that the queries attend to: one, or some of one of <see cref="KvCodec.HeadSets"/>.</param>
    /// <param name="blockCount">Blocks of context, at least one.</param>
    /// <param name="payloadOf">Their payloads.</param>
    /// <param name="queries">[kvHeads][queryCount][HeadSize], as the engine gives them to <see cref="KvCodec.Scores"/>.</param>
    /// <param name="output">Of the same shape, overwritten.</param>
    public void Attend(int layer, ReadOnlySpan<int> kvHeads, int blockCount, PayloadOf payloadOf, ReadOnlySpan<float> queries, Span<float> output)
    {
        int headSize = codec.Geometry.HeadSize;
        int queryCount = queries.Length / headSize;
        int queriesOfHead = queryCount / kvHeads.Length;
        bool isLone = queriesOfHead == 1;
        int queryWidth = codec.QueryWidth(layer, kvHeads[0]);
        int outputWidth = codec.OutputWidth(layer, kvHeads[0]);
        Reserve(ref _projected, queryCount * queryWidth);
        Reserve(ref _gathered, queryCount * outputWidth);
        Reserve(ref _blockScores, blockCount * queryCount * Tokens);
        Reserve(ref _rowScores, blockCount * Tokens);
        if (codec.IsProjected)
        {
            for (int i = 0; i < kvHeads.Length; i++)
            {
                ReadOnlySpan<float> ofHead = queries.Slice(i * queriesOfHead * headSize, queriesOfHead * headSize);
                codec.ProjectQueries(layer, kvHeads[i], ofHead, queriesOfHead, _projected.AsSpan(i * queriesOfHead * queryWidth));
            }

            queries = _projected;
        }

        for (int block = 0; block < blockCount; block++)
        {
            if (isLone && block + 1 < blockCount)
            {
                codec.PrefetchKeys(layer, kvHeads[0], payloadOf(block + 1));
            }

            codec.Scores(layer, kvHeads[0], payloadOf(block), queries, queryCount, Scores(block, queryCount));
        }

        for (int query = 0; query < queryCount; query++)
        {
            Normalise(query, queryCount, blockCount);
        }

        Span<float> gathered = codec.IsProjected ? _gathered.AsSpan(0, queryCount * outputWidth) : output[..(queryCount * headSize)];
        gathered.Clear();
        for (int block = 0; block < blockCount; block++)
        {
            if (isLone && block + 1 < blockCount)
            {
                codec.PrefetchValues(layer, kvHeads[0], payloadOf(block + 1));
            }

            codec.AddValues(layer, kvHeads[0], payloadOf(block), Scores(block, queryCount), queryCount, gathered);
        }

        for (int i = 0; i < kvHeads.Length && codec.IsProjected; i++)
        {
            Span<float> ofHead = output.Slice(i * queriesOfHead * headSize, queriesOfHead * headSize);
            codec.ExpandOutput(layer, kvHeads[i], gathered[(i * queriesOfHead * outputWidth)..], queriesOfHead, ofHead);
        }
    }

    private Span<float> Scores(int block, int queryCount) => _blockScores.AsSpan(block * queryCount * Tokens, queryCount * Tokens);

    private void Normalise(int query, int queryCount, int blockCount)
    {
        Span<float> row = _rowScores.AsSpan(0, blockCount * Tokens);
        for (int block = 0; block < blockCount; block++)
        {
            Scores(block, queryCount).Slice(query * Tokens, Tokens).CopyTo(row[(block * Tokens)..]);
        }

        TensorPrimitives.Multiply(row, NaturalLogOfTwo, row);
        TensorPrimitives.Subtract(row, TensorPrimitives.Max<float>(row), row);
        TensorPrimitives.SoftMax(row, row);
        for (int block = 0; block < blockCount; block++)
        {
            row.Slice(block * Tokens, Tokens).CopyTo(Scores(block, queryCount).Slice(query * Tokens, Tokens));
        }
    }

    private static void Reserve(ref float[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = new float[length];
        }
    }
}
