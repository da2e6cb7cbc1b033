using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

internal sealed class RegexReplaceNormalizer(Regex pattern, string content) : INormalizer
{
    public string Normalize(string text) => pattern.Replace(text, _ => content);
}
