namespace KvCluster.Inference.Tokenizers;

/// <summary>A range of text that is an added token, or text between them.</summary>
internal readonly record struct TextSection(int Start, int Length, int TokenId)
{
    public const int NoToken = -1;

    public bool IsToken => TokenId != NoToken;
}
