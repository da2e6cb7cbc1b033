using System.Text;

namespace Orleans.Runtime;

/// <summary>The name of a grain class.</summary>
[Immutable]
public readonly struct GrainType : IEquatable<GrainType>
{
    public GrainType(IdSpan id) => Value = id;

    public IdSpan Value { get; }

    public bool IsDefault => Value.IsDefault;

    public static GrainType Create(string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(value);
        return new GrainType(IdSpan.Create(value));
    }

    public ReadOnlySpan<byte> AsSpan() => Value.AsSpan();

    public bool Equals(GrainType obj) => Value.Equals(obj.Value);

    public override bool Equals(object? obj) => obj is GrainType other && Equals(other);

    public override int GetHashCode() => Value.GetHashCode();

    public override string? ToString() => Value.ToString();

    public static bool operator ==(GrainType left, GrainType right) => left.Equals(right);

    public static bool operator !=(GrainType left, GrainType right) => !left.Equals(right);
}

/// <summary>An identifier: UTF-8 bytes with their hash.</summary>
[Immutable]
public readonly struct IdSpan : IEquatable<IdSpan>
{
    private readonly byte[]? _value;
    private readonly int _hash;

    public IdSpan(byte[] value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = value;
        _hash = Hash(value);
    }

    public bool IsDefault => _value is null or { Length: 0 };

    public ReadOnlyMemory<byte> Value => _value;

    public static IdSpan Create(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return new IdSpan(Encoding.UTF8.GetBytes(id));
    }

    public ReadOnlySpan<byte> AsSpan() => _value;

    public bool Equals(IdSpan obj) => _hash == obj._hash && AsSpan().SequenceEqual(obj.AsSpan());

    public override bool Equals(object? obj) => obj is IdSpan other && Equals(other);

    public override int GetHashCode() => _hash;

    public override string ToString() => Encoding.UTF8.GetString(AsSpan());

    public static bool operator ==(IdSpan left, IdSpan right) => left.Equals(right);

    public static bool operator !=(IdSpan left, IdSpan right) => !left.Equals(right);

    private static int Hash(byte[] value)
    {
        var hash = new HashCode();
        hash.AddBytes(value);
        return hash.ToHashCode();
    }
}
