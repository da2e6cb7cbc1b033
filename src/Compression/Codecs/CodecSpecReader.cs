namespace KvCluster.Compression.Codecs;

/// <summary>Recursive descent over one spec string; grammar at <see cref="CodecSpec"/>.</summary>
internal sealed class CodecSpecReader(string text)
{
    private const int MaxLength = 1024;

    private int _position;

    public IReadOnlyList<CodecStage> ReadStages()
    {
        if (text.Length > MaxLength)
        {
            throw new CodecSpecException(text[..32] + "…", MaxLength, $"A spec has at most {MaxLength} characters.");
        }

        var stages = new List<CodecStage> { ReadStage() };
        while (TryTake('+'))
        {
            stages.Add(ReadStage());
        }

        return _position == text.Length ? stages : throw Fail("'+' or the end was expected.");
    }

    private CodecStage ReadStage()
    {
        SkipSpaces();
        int start = _position;
        string name = ReadName("The name of a codec");
        var parameters = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (TryTake('('))
        {
            do
            {
                ReadParameter(parameters);
            }
            while (TryTake(','));

            if (!TryTake(')'))
            {
                throw Fail("',' or ')' was expected.");
            }
        }

        return new CodecStage(name, [.. parameters], start);
    }

    private void ReadParameter(SortedDictionary<string, string> parameters)
    {
        SkipSpaces();
        int start = _position;
        string name = ReadName("The name of a parameter");
        if (!TryTake('='))
        {
            throw Fail("'=' was expected.");
        }

        SkipSpaces();
        string value = TakeWhile(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-');
        if (value.Length == 0)
        {
            throw Fail($"A value for '{name}' was expected.");
        }

        if (!parameters.TryAdd(name, value))
        {
            _position = start;
            throw Fail($"'{name}' is given twice.");
        }
    }

    private string ReadName(string what)
    {
        SkipSpaces();
        if (_position == text.Length || !char.IsAsciiLetter(text[_position]))
        {
            throw Fail($"{what} was expected.");
        }

        return TakeWhile(character => char.IsAsciiLetterOrDigit(character) || character == '-');
    }

    private string TakeWhile(Func<char, bool> isPart)
    {
        int start = _position;
        while (_position < text.Length && isPart(text[_position]))
        {
            _position++;
        }

        string taken = text[start.._position].ToLowerInvariant();
        SkipSpaces();
        return taken;
    }

    private bool TryTake(char character)
    {
        SkipSpaces();
        if (_position == text.Length || text[_position] != character)
        {
            return false;
        }

        _position++;
        SkipSpaces();
        return true;
    }

    private void SkipSpaces()
    {
        while (_position < text.Length && char.IsWhiteSpace(text[_position]))
        {
            _position++;
        }
    }

    private CodecSpecException Fail(string problem) => new(text, _position, problem);
}
