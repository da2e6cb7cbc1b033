using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Rewrites text before it is split into pieces.</summary>
internal interface INormalizer
{
    public string Normalize(string text);
}

/// <summary>
/// Unicode normalisation form C. Written out because <see cref="string.Normalize()"/> returns its input unchanged under
/// InvariantGlobalization.
/// </summary>
internal sealed class NfcNormalizer : INormalizer
{
    private const char FirstAffected = '\u0300';

    public string Normalize(string text)
    {
        // Nothing below U+0300 changes under form C.
        if (!text.AsSpan().ContainsAnyInRange(FirstAffected, '\uFFFF'))
        {
            return text;
        }

        var data = CanonicalData.Instance;
        return data.IsSurelyComposed(text) ? text : CanonicalComposition.Compose(text, data);
    }
}

internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public string Normalize(string text) => text.Length == 0 ? text : prefix + text;
}

internal sealed class RegexReplaceNormalizer(Regex pattern, string content) : INormalizer
{
    public string Normalize(string text) => pattern.Replace(text, _ => content);
}

internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public string Normalize(string text) => text.Replace(pattern, content, StringComparison.Ordinal);
}

internal sealed class SequenceNormalizer(INormalizer[] steps) : INormalizer
{
    public string Normalize(string text) => steps.Aggregate(text, static (current, step) => step.Normalize(current));
}
