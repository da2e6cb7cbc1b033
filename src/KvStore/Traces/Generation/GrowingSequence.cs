using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Traces.Generation;

/// <summary>A Sequence that texts are appended to, as its full blocks and the tokens past them.</summary>
internal sealed class GrowingSequence
{
    private readonly BlockNumbers _numbers;
    private readonly string _tenant;
    private readonly List<long> _blocks;
    private int _tailTokenCount;
    private bool _isTailShared = true;

    public GrowingSequence(string tenant, BlockNumbers numbers)
        : this(tenant, numbers, [])
    {
    }

    private GrowingSequence(string tenant, BlockNumbers numbers, List<long> blocks)
    {
        _tenant = tenant;
        _numbers = numbers;
        _blocks = blocks;
    }

    public int TokenCount => (_blocks.Count * KvGeometry.BlockTokenCount) + _tailTokenCount;

    /// <summary>Text that other Sequences hold too; shared for as long as everything before it is.</summary>
    public void AppendShared(int content, int tokenCount) => Append(tokenCount, content);

    /// <summary>Text of this Sequence alone.</summary>
    public void AppendOwn(int tokenCount)
    {
        _isTailShared = false;
        Append(tokenCount, content: -1);
    }

    /// <summary>Another Sequence that begins as this one.</summary>
    public GrowingSequence Fork() =>
        new(_tenant, _numbers, [.. _blocks]) { _tailTokenCount = _tailTokenCount, _isTailShared = _isTailShared };

    /// <summary>The request that has this Sequence as its prompt; the answer is appended.</summary>
    public TraceRequest Answer(TimeSpan at, int answerTokenCount)
    {
        BlockId[] prompt = Ids(0);
        int promptCount = _blocks.Count;
        AppendOwn(answerTokenCount);
        return new TraceRequest(at, _tenant, prompt, Ids(promptCount));
    }

    private void Append(int tokenCount, int content)
    {
        int taken = 0;
        while (_tailTokenCount + tokenCount - taken >= KvGeometry.BlockTokenCount)
        {
            taken += KvGeometry.BlockTokenCount - _tailTokenCount;
            bool isShared = content >= 0 && _isTailShared;
            _blocks.Add(isShared ? _numbers.Shared(_blocks.LastOrDefault(), content, taken) : _numbers.Fresh());
            _tailTokenCount = 0;
            _isTailShared = true;
        }

        _tailTokenCount += tokenCount - taken;
        _isTailShared = _tailTokenCount == 0 || (_isTailShared && content >= 0);
    }

    private BlockId[] Ids(int start)
    {
        var ids = new BlockId[_blocks.Count - start];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = TraceBlockId.Of(_tenant, _blocks[start + i]);
        }

        return ids;
    }
}
