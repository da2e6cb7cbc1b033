namespace KvCluster.Inference.Tokenizers;

/// <summary>Splits a piece into smaller ones; empty ones are left out.</summary>
internal interface IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output);
}
