using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Attention of one token in every layer and head to a context of encoded Blocks, on all cores. Heads that are stored together attend together.</summary>
internal sealed class TimedAttention
{
    private readonly KvCodec _codec;
    private readonly float[][] _queries; // [layer · KV heads + head]
    private readonly SlabLease[][] _context; // [Block][layer]
    private readonly (int Layer, int[] Heads)[] _tasks;
    private readonly EncodedAttention[] _attention; // by core
    private readonly float[][] _together;
    private readonly float[][] _output;

    public TimedAttention(KvCodec codec, float[][] queries, SlabLease[][] context)
    {
        KvGeometry geometry = codec.Geometry;
        _codec = codec;
        _queries = queries;
        _context = context;
        _tasks = [.. Enumerable.Range(0, geometry.LayerCount).SelectMany(layer => codec.HeadSets(layer).Select(heads => (layer, heads.ToArray())))];
        _attention = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new EncodedAttention(codec))];
        _together = [.. _attention.Select(_ => new float[geometry.KvHeadCount * geometry.HeadSize])];
        _output = [.. _attention.Select(_ => new float[geometry.KvHeadCount * geometry.HeadSize])];
    }

    public void Run()
    {
        int next = -1;
        Parallel.For(0, _attention.Length, core =>
        {
            for (int task = Interlocked.Increment(ref next); task < _tasks.Length; task = Interlocked.Increment(ref next))
            {
                Attend(_tasks[task].Layer, _tasks[task].Heads, core);
            }
        });
    }

    private void Attend(int layer, int[] heads, int core)
    {
        int size = _codec.Geometry.HeadSize;
        int length = heads.Length * size;
        for (int i = 0; i < heads.Length; i++)
        {
            _queries[(layer * _codec.Geometry.KvHeadCount) + heads[i]].CopyTo(_together[core].AsSpan(i * size));
        }

        _attention[core].Attend(
            layer, heads, _context.Length, block => _context[block][layer].Span, _together[core].AsSpan(0, length), _output[core].AsSpan(0, length));
    }
}
