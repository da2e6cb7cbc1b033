using Orleans.Activations;
using Orleans.Proxies;

namespace Orleans.Runtime;

/// <summary>A grain as callers hold it. Equal references name the same grain.</summary>
public class GrainReference : IAddressable, IEquatable<GrainReference>
{
    internal GrainReference(Silo silo, GrainId grainId, GrainInterface grainInterface)
    {
        Silo = silo;
        GrainId = grainId;
        Interface = grainInterface;
    }

    public GrainId GrainId { get; }

    internal Silo Silo { get; }

    internal GrainInterface Interface { get; }

    /// <summary>Where the last call went; tried first by the next.</summary>
    internal ICallTarget? Route { get; set; }

    public bool Equals(GrainReference? other) => other is not null && GrainId.Equals(other.GrainId);

    public override bool Equals(object? obj) => Equals(obj as GrainReference);

    public override int GetHashCode() => GrainId.GetHashCode();

    public sealed override string ToString() => $"GrainReference:{GrainId}:{Interface.Type.FullName}";

    public static bool operator ==(GrainReference? reference1, GrainReference? reference2) =>
        reference1 is null ? reference2 is null : reference1.Equals(reference2);

    public static bool operator !=(GrainReference? reference1, GrainReference? reference2) => !(reference1 == reference2);
}
