namespace Orleans;

/// <summary>A record on its way to or from a storage provider.</summary>
public interface IGrainState<T>
{
    public T State { get; set; }

    public string? ETag { get; set; }

    public bool RecordExists { get; set; }
}
