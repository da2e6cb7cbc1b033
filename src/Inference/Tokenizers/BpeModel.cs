using System.Buffers;
using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>The BPE model of a tokenizer.json: pieces of text to ids.</summary>
internal sealed class BpeModel
{
    private const int StackByteCount = 512;

    private readonly BpeVocabulary _vocabulary;
    private readonly MergeTable _merges;
    private readonly BpeOptions _options;
    private readonly PieceCache _cache = new();

    public BpeModel(BpeVocabulary vocabulary, MergeTable merges, BpeOptions options)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _options = options;
    }

    public void Encode(ReadOnlySpan<char> piece, IdBuffer output)
    {
        if (_cache.TryGet(piece, out var cached))
        {
            output.Append(cached);
            return;
        }

        var start = output.Count;
        if (_options.IsByteLevel)
        {
            EncodeByteLevel(piece, output);
        }
        else
        {
            EncodeModelText(piece, output);
        }

        _cache.Add(piece, output.Span[start..]);
    }

    private void EncodeByteLevel(ReadOnlySpan<char> piece, IdBuffer output)
    {
        var maxByteCount = Encoding.UTF8.GetMaxByteCount(piece.Length);
        byte[]? rentedBytes = null;
        char[]? rentedChars = null;
        var bytes = maxByteCount <= StackByteCount ? stackalloc byte[StackByteCount] : rentedBytes = ArrayPool<byte>.Shared.Rent(maxByteCount);
        var byteCount = Encoding.UTF8.GetBytes(piece, bytes);
        var chars = maxByteCount <= StackByteCount ? stackalloc char[StackByteCount] : rentedChars = ArrayPool<char>.Shared.Rent(byteCount);
        for (var i = 0; i < byteCount; i++)
        {
            chars[i] = ByteLevelAlphabet.ToChar(bytes[i]);
        }

        EncodeModelText(chars[..byteCount], output);
        if (rentedBytes is not null)
        {
            ArrayPool<byte>.Shared.Return(rentedBytes);
            ArrayPool<char>.Shared.Return(rentedChars!);
        }
    }

    /// <param name="text">In the characters the vocabulary is written in.</param>
    /// <param name="output">Receives the ids.</param>
    private void EncodeModelText(ReadOnlySpan<char> text, IdBuffer output)
    {
        if (_options.IgnoresMerges && _vocabulary.TryGetPlain(text, out var whole))
        {
            output.Append(whole);
            return;
        }

        var start = output.Count;
        AppendSymbols(text, output);
        var count = BpeMerger.Merge(output.Span[start..], _merges);
        output.Truncate(start + count);
    }

    private void AppendSymbols(ReadOnlySpan<char> text, IdBuffer output)
    {
        var wasUnknown = false;
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf16(text, out var rune, out var length);
            if (_vocabulary.TryGetCharacter(text[..length], out var id))
            {
                output.Append(id);
                wasUnknown = false;
            }
            else if (_options.HasByteFallback && TryAppendBytes(rune, output))
            {
                wasUnknown = false;
            }
            else if (_options.UnknownId is { } unknownId && !(wasUnknown && _options.FusesUnknown))
            {
                output.Append(unknownId);
                wasUnknown = true;
            }

            text = text[length..];
        }
    }

    private bool TryAppendBytes(Rune rune, IdBuffer output)
    {
        Span<byte> bytes = stackalloc byte[4];
        var byteCount = rune.EncodeToUtf8(bytes);
        foreach (var value in bytes[..byteCount])
        {
            if (_vocabulary.GetByteId(value) < 0)
            {
                return false;
            }
        }

        foreach (var value in bytes[..byteCount])
        {
            output.Append(_vocabulary.GetByteId(value));
        }

        return true;
    }
}
