namespace KvCluster.Compression.Codecs;

/// <summary>A method that specs can name.</summary>
/// <param name="Name">As in specs.</param>
/// <param name="Role">Where it may stand.</param>
/// <param name="ParameterNames">The parameters it takes.</param>
internal sealed record CodecMethod(string Name, CodecRole Role, params string[] ParameterNames)
{
    /// <summary>Whether the stage can only be built from a Profile.</summary>
    public bool NeedsProfile { get; init; }

    /// <summary>Parameters that only say which quantiser is implied, and so can't stand beside a named one.</summary>
    public IReadOnlyList<string> ImpliedParameters { get; init; } = [];

    /// <summary>Names what the bytes mean that a spec with this method writes, defaults of its parameters included; later ones are greater.</summary>
    public string PayloadFormat { get; init; } = "pipeline/1";

    /// <summary>Builds the quantiser of a layer; of methods with that role.</summary>
    public Func<StageContext, LayerQuantiser>? Quantiser { get; init; }

    /// <summary>Builds the residual of a layer; of methods with that role.</summary>
    public Func<StageContext, LayerResidual>? Residual { get; init; }

    /// <summary>The quantiser that the method brings when a spec names none: the spec of one stage.</summary>
    public Func<StageParameters, string> ImpliedQuantiser { get; init; } = _ => "raw";
}
