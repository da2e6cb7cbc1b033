using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Turns the tokens of one Sequence into text as they come. A delta never ends within a character; the deltas and the flush
/// together are what <see cref="Tokenizer.Decode"/> gives for all tokens. Work and memory per token do not grow.
/// </summary>
public sealed class IncrementalDetokenizer
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipsSpecialTokens;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private char[] _buffer = new char[64];
    private int _strippableCount;

    public IncrementalDetokenizer(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _skipsSpecialTokens = skipSpecialTokens;
        _strippableCount = tokenizer.StrippedSpaceCount;
    }

    /// <summary>The text this token completes; empty while a character is incomplete.</summary>
    public string Push(int tokenId)
    {
        if (_skipsSpecialTokens && _tokenizer.IsSpecial(tokenId))
        {
            return "";
        }

        var bytes = _tokenizer.TokenBytes(tokenId);
        while (_strippableCount > 0 && !bytes.IsEmpty)
        {
            if (bytes[0] != ' ')
            {
                _strippableCount = 0;
                break;
            }

            _strippableCount--;
            bytes = bytes[1..];
        }

        return Convert(bytes, isLast: false);
    }

    /// <summary>U+FFFD for a character that stayed incomplete, else nothing. The detokenizer then starts anew.</summary>
    public string Flush()
    {
        _strippableCount = _tokenizer.StrippedSpaceCount;
        return Convert(default, isLast: true);
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool isLast)
    {
        var maxCharCount = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        if (_buffer.Length < maxCharCount)
        {
            _buffer = new char[maxCharCount];
        }

        var count = _decoder.GetChars(bytes, _buffer, isLast);
        return count == 0 ? "" : new string(_buffer, 0, count);
    }
}
