namespace KvCluster.Inference.Tokenizers;

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
