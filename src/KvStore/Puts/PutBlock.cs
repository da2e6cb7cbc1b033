using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Puts;

/// <summary>How far one Put is with one block.</summary>
internal sealed class PutBlock(StoredBlock block)
{
    private readonly bool[] _layersSeen = new bool[block.LayerCount];
    private int _layerCount;

    public StoredBlock Block { get; } = block;

    /// <summary>Whether this Put has brought every layer.</summary>
    public bool IsWhole => _layerCount == _layersSeen.Length;

    public void Saw(int layer)
    {
        if (!_layersSeen[layer])
        {
            _layersSeen[layer] = true;
            _layerCount++;
        }
    }
}
