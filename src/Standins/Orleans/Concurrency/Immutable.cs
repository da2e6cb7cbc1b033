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

/// <summary>Wraps values as <see cref="Immutable{T}"/>.</summary>
public static class ImmutableExtensions
{
    public static Immutable<T> AsImmutable<T>(this T value) => new(value);
}
