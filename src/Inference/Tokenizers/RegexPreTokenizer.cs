using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

/// <summary>The Split pre-tokenizer: a pattern finds delimiters, a <see cref="SplitBehavior"/> places them.</summary>
/// <param name="pattern">Already translated by <see cref="OnigurumaPattern"/>.</param>
/// <param name="behavior">Where delimiters go.</param>
/// <param name="isInverted">Matches are the content and what lies between them is the delimiter.</param>
internal sealed class RegexPreTokenizer(Regex pattern, SplitBehavior behavior, bool isInverted) : IPreTokenizer
{
    public void Split(TextPiece piece, List<TextPiece> output)
    {
        // Nearly every tokenizer isolates every match: no need for the list of segments.
        if (behavior == SplitBehavior.Isolated)
        {
            var end = 0;
            foreach (var match in new CodePointMatches(pattern, piece.Span))
            {
                Add(piece, end, match.Start, output);
                Add(piece, match.Start, match.End, output);
                end = match.End;
            }

            Add(piece, end, piece.Length, output);
            return;
        }

        Place(piece, FindSegments(piece), output);
    }

    private List<(int Start, int End, bool IsDelimiter)> FindSegments(TextPiece piece)
    {
        var segments = new List<(int Start, int End, bool IsDelimiter)>();
        var end = 0;
        foreach (var match in new CodePointMatches(pattern, piece.Span))
        {
            if (match.Start > end)
            {
                segments.Add((end, match.Start, isInverted));
            }

            if (match.End > match.Start)
            {
                segments.Add((match.Start, match.End, !isInverted));
            }

            end = match.End;
        }

        if (end < piece.Length)
        {
            segments.Add((end, piece.Length, isInverted));
        }

        return segments;
    }

    private void Place(TextPiece piece, List<(int Start, int End, bool IsDelimiter)> segments, List<TextPiece> output)
    {
        var start = 0;
        for (var i = 0; i < segments.Count; i++)
        {
            var (segmentStart, segmentEnd, isDelimiter) = segments[i];
            if (behavior == SplitBehavior.Removed)
            {
                if (!isDelimiter)
                {
                    Add(piece, segmentStart, segmentEnd, output);
                }

                continue;
            }

            var isLast = i + 1 == segments.Count;
            var endsHere = isLast || behavior switch
            {
                SplitBehavior.MergedWithPrevious => isDelimiter || !segments[i + 1].IsDelimiter,
                SplitBehavior.MergedWithNext => segments[i + 1].IsDelimiter || !isDelimiter,
                _ => isDelimiter != segments[i + 1].IsDelimiter,
            };
            if (endsHere)
            {
                Add(piece, start, segmentEnd, output);
                start = segmentEnd;
            }
        }
    }

    private static void Add(TextPiece piece, int start, int end, List<TextPiece> output)
    {
        if (end > start)
        {
            output.Add(piece.Slice(start, end - start));
        }
    }
}
