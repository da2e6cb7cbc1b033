using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Calibration;

/// <summary>How the Profile of some stages is made out of what calibration saw.</summary>
public abstract class ProfileRecipe
{
    /// <summary>The stages, spelled in one way: parameters that have their default are left out.</summary>
    public abstract string Spec { get; }

    /// <summary>How many neighbouring KV heads must be observed together.</summary>
    public abstract int HeadsPerSet(KvGeometry geometry);

    /// <summary>False: the bases do not depend on what was seen, and no file is needed.</summary>
    public virtual bool NeedsData => true;

    /// <summary>Makes the bases of all layers.</summary>
    /// <exception cref="ArgumentException">The statistics are not what <see cref="HeadsPerSet"/> asks for.</exception>
    public abstract IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerStatistics> layers);

    /// <summary>The recipe for stages as <see cref="CodecRegistry.ProfileSpec"/> names them.</summary>
    /// <exception cref="CodecSpecException">The stages are wrong, or none of them needs a Profile.</exception>
    public static ProfileRecipe Of(string profileSpec)
    {
        CodecSpec spec = CodecSpec.Parse(profileSpec);
        StageParameters first = new(profileSpec, spec.Stages[0]);
        StageParameters? second = spec.Stages.Count > 1 ? new StageParameters(profileSpec, spec.Stages[1]) : null;
        return (spec.Stages[0].Name, spec.Stages.Count > 1 ? spec.Stages[1].Name : "") switch
        {
            ("zack", "") => ZackRecipe.Read(first),
            ("kvheads", "") => KvHeadsRecipe.Read(first),
            ("pca", "") => PcaRecipe.Read(first),
            ("pca", "waterfill") => WaterFillRecipe.Read(first, second!),
            _ => throw new CodecSpecException(
                profileSpec, 0, $"No Profile can be made for '{profileSpec}'; zack, kvheads, pca and pca+waterfill take one."),
        };
    }

    /// <summary>One stage, with those parameters that are given.</summary>
    protected static string Stage(string name, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var given = new List<string>();
        foreach ((string key, string? value) in parameters)
        {
            if (value is not null)
            {
                given.Add($"{key}={value}");
            }
        }

        given.Sort(StringComparer.Ordinal);
        return given.Count == 0 ? name : $"{name}({string.Join(",", given)})";
    }

    protected static string Text(double value) => value.ToString("0.######", System.Globalization.CultureInfo.InvariantCulture);
}
