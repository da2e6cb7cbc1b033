using System.Globalization;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Tokens of the model part of tokenizer.json by their spelling.</summary>
internal sealed class BpeVocabulary
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly IReadOnlySet<int> _specialIds;
    private readonly int[] _byteIds = new int[256];
    private readonly int[] _characterIds = new int[char.MaxValue + 1];

    /// <param name="ids">Spelling to id.</param>
    /// <param name="specialIds">Never produced from text: a spelled-out special token must stay text.</param>
    public BpeVocabulary(Dictionary<string, int> ids, IReadOnlySet<int> specialIds)
    {
        _ids = ids;
        _lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _specialIds = specialIds;
        Array.Fill(_characterIds, -1);
        foreach (var (token, id) in ids)
        {
            if (token.Length == 1 && !specialIds.Contains(id))
            {
                _characterIds[token[0]] = id;
            }
        }

        for (var value = 0; value < _byteIds.Length; value++)
        {
            _byteIds[value] = ids.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), -1);
        }
    }

    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>A token that is not special.</summary>
    public bool TryGetPlain(ReadOnlySpan<char> token, out int id) => _lookup.TryGetValue(token, out id) && !_specialIds.Contains(id);

    /// <param name="character">One character: one or two UTF-16 units.</param>
    /// <param name="id">Its token.</param>
    public bool TryGetCharacter(ReadOnlySpan<char> character, out int id)
    {
        if (character.Length != 1)
        {
            return TryGetPlain(character, out id);
        }

        id = _characterIds[character[0]];
        return id >= 0;
    }

    /// <summary>The byte-fallback token, or -1.</summary>
    public int GetByteId(byte value) => _byteIds[value];
}
