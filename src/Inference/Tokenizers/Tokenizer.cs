namespace KvCluster.Inference.Tokenizers;

/// <summary>Text to token ids and back, from a tokenizer.json. Thread-safe.</summary>
public sealed class Tokenizer
{
    /// <summary>Highest id + 1, added tokens included.</summary>
    public int VocabularySize => throw new NotSupportedException();

    /// <exception cref="Models.ModelLoadException">The file is missing, broken, or of a kind that is not supported.</exception>
    public static Tokenizer Load(string path) => throw new NotSupportedException(path);

    /// <param name="text">Any text; lone surrogates become U+FFFD.</param>
    /// <param name="addSpecialTokens">Add what the post-processor adds, e.g. the begin-of-text token.</param>
    /// <param name="parseSpecialTokens">False: special tokens spelled out in the text stay text; for content of users.</param>
    public int[] Encode(string text, bool addSpecialTokens = true, bool parseSpecialTokens = true) => throw new NotSupportedException();

    /// <summary>Bytes that are not valid UTF-8 become U+FFFD. Unknown ids are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens) => throw new NotSupportedException();

    /// <summary>What the token adds to the text, in UTF-8; possibly part of a character. Empty for unknown ids.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => throw new NotSupportedException();

    public bool IsSpecial(int id) => throw new NotSupportedException();

    public bool TryGetId(string token, out int id) => throw new NotSupportedException();
}
