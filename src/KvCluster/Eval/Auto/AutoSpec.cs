using System.Globalization;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary><c>auto(accuracy=0.99)</c>: not a codec, but the wish for the smallest one that keeps so much of raw's accuracy on a data file.</summary>
/// <param name="AccuracyBound">Over 0, at most 1.</param>
internal sealed record AutoSpec(double AccuracyBound)
{
    private const string Name = "auto";
    private const string Parameter = "accuracy";
    private const double DefaultBound = 0.99;

    /// <returns>Null when the spec names a codec.</returns>
    /// <exception cref="CodecSpecException">The spec is malformed.</exception>
    /// <exception cref="BadArgumentException">It names <c>auto</c> and something that <c>auto</c> does not take.</exception>
    public static AutoSpec? TryParse(string spec)
    {
        IReadOnlyList<CodecStage> stages = CodecSpec.Parse(spec).Stages;
        if (!stages.Any(stage => stage.Name == Name))
        {
            return null;
        }

        if (stages.Count > 1 || stages[0].Parameters.Any(parameter => parameter.Key != Parameter))
        {
            throw new BadArgumentException($"--kv: '{spec}': auto stands alone and has one parameter: {new AutoSpec(DefaultBound)}");
        }

        if (stages[0].Parameters.Count == 0)
        {
            return new AutoSpec(DefaultBound);
        }

        string text = stages[0].Parameters[0].Value;
        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double bound) && bound is > 0 and <= 1
            ? new AutoSpec(bound)
            : throw new BadArgumentException($"--kv: '{spec}': accuracy must be a number over 0, at most 1; it is '{text}'");
    }

    /// <summary>Canonical.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}({Parameter}={AccuracyBound})");
}
