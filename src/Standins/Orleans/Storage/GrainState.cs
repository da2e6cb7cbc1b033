namespace Orleans;

/// <summary>A record on its way to or from a storage provider.</summary>
public interface IGrainState<T>
{
    public T State { get; set; }

    public string? ETag { get; set; }

    public bool RecordExists { get; set; }
}

/// <summary>The plain <see cref="IGrainState{T}"/>.</summary>
[GenerateSerializer]
public sealed class GrainState<T> : IGrainState<T>
{
    public GrainState()
        : this(default!)
    {
    }

    public GrainState(T state)
        : this(state, null)
    {
    }

    public GrainState(T state, string? eTag)
    {
        State = state;
        ETag = eTag;
    }

    [Id(0)]
    public T State { get; set; }

    [Id(1)]
    public string? ETag { get; set; }

    [Id(2)]
    public bool RecordExists { get; set; }
}

/// <summary>Marks attributes that ask for injected parts of a grain.</summary>
public interface IFacetMetadata
{
}
