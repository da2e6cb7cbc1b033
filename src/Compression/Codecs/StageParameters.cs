using System.Globalization;

namespace KvCluster.Compression.Codecs;

/// <summary>Reads the parameters of a stage.</summary>
/// <param name="spec">The whole spec, for messages.</param>
/// <param name="stage">Whose parameters.</param>
internal sealed class StageParameters(string spec, CodecStage stage)
{
    public bool Has(string name) => stage.Parameters.Any(pair => pair.Key == name);

    /// <exception cref="CodecSpecException">Not a whole number from <paramref name="min"/> to <paramref name="max"/>.</exception>
    public int Integer(string name, int defaultValue, int min, int max)
    {
        if (Find(name) is not { } text)
        {
            return defaultValue;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
            ? value
            : throw Refuse(name, text, $"a whole number from {min} to {max}");
    }

    /// <exception cref="CodecSpecException">Not one of <paramref name="allowed"/>.</exception>
    public int OneOf(string name, int defaultValue, params ReadOnlySpan<int> allowed)
    {
        if (Find(name) is not { } text)
        {
            return defaultValue;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && allowed.Contains(value)
            ? value
            : throw Refuse(name, text, $"one of {string.Join(", ", allowed.ToArray())}");
    }

    /// <exception cref="CodecSpecException">Not one of <paramref name="allowed"/>.</exception>
    public string OneOf(string name, string defaultValue, params ReadOnlySpan<string> allowed)
    {
        string text = Find(name) ?? defaultValue;
        return allowed.Contains(text) ? text : throw Refuse(name, text, $"one of {string.Join(", ", allowed.ToArray())}");
    }

    /// <exception cref="CodecSpecException">Not a number from <paramref name="min"/> to <paramref name="max"/>.</exception>
    public double Number(string name, double defaultValue, double min, double max)
    {
        if (Find(name) is not { } text)
        {
            return defaultValue;
        }

        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value >= min && value <= max
            ? value
            : throw Refuse(name, text, FormattableString.Invariant($"a number from {min} to {max}"));
    }

    /// <summary>A problem with the stage as a whole.</summary>
    public CodecSpecException Fail(string problem) => new(spec, stage.Position, $"'{stage.Name}': {problem}");

    private string? Find(string name) => stage.Parameters.FirstOrDefault(pair => pair.Key == name).Value;

    private CodecSpecException Refuse(string name, string text, string expected) =>
        new(spec, stage.Position, $"'{name}' of '{stage.Name}' must be {expected}; it is '{text}'.");
}
