namespace KvCluster.Inference.Tokenizers;

internal sealed class SequencePreTokenizer(IPreTokenizer[] steps) : IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output)
    {
        List<TextPiece> current = [piece];
        List<TextPiece> next = [];
        foreach (var step in steps)
        {
            next.Clear();
            foreach (var part in current)
            {
                step.Split(part, next);
            }

            (current, next) = (next, current);
        }

        output.AddRange(current);
    }
}
