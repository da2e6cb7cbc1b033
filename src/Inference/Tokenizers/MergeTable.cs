using System.Numerics;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Which two neighbouring symbols merge, how early, and into what. Open addressing with a multiplicative hash: that of a
/// Dictionary over 64-bit keys folds both ids together and collides on every pair with the same exclusive or.
/// </summary>
internal sealed class MergeTable
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private const ulong Empty = ulong.MaxValue;

    private readonly ulong[] _keys;
    private readonly (int Rank, int Id)[] _values;
    private readonly int _shift;

    public MergeTable(int capacity)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 1) * 2);
        _keys = new ulong[size];
        _values = new (int, int)[size];
        _shift = 64 - BitOperations.Log2((uint)size);
        Array.Fill(_keys, Empty);
    }

    /// <summary>A pair named twice keeps its later rank.</summary>
    public void Add(int left, int right, int rank, int id)
    {
        var slot = FindSlot(Key(left, right));
        _keys[slot] = Key(left, right);
        _values[slot] = (rank, id);
    }

    public bool TryGet(int left, int right, out int rank, out int id)
    {
        var slot = FindSlot(Key(left, right));
        (rank, id) = _values[slot];
        return _keys[slot] != Empty;
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int FindSlot(ulong key)
    {
        var slot = (int)((key * Golden) >> _shift);
        while (_keys[slot] != key && _keys[slot] != Empty)
        {
            slot = (slot + 1) & (_keys.Length - 1);
        }

        return slot;
    }
}
