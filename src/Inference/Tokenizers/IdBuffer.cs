namespace KvCluster.Inference.Tokenizers;

/// <summary>A growing array of ids that can be merged in place.</summary>
internal sealed class IdBuffer(int capacity)
{
    private int[] _ids = new int[Math.Max(capacity, 16)];

    public int Count { get; private set; }

    public Span<int> Span => _ids.AsSpan(0, Count);

    public void Append(int id)
    {
        if (Count == _ids.Length)
        {
            Array.Resize(ref _ids, _ids.Length * 2);
        }

        _ids[Count++] = id;
    }

    public void Append(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            Append(id);
        }
    }

    public void Truncate(int count) => Count = count;
}
