namespace Orleans.Concurrency;

/// <summary>Marks a value that neither side of a call changes.</summary>
[GenerateSerializer]
[Orleans.Immutable]
public readonly struct Immutable<T>
{
    [Id(0)]
    public readonly T Value;

    public Immutable(T value) => Value = value;
}
