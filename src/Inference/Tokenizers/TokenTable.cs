using System.Text;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Tokens by id: bytes and kind, in two flat arrays instead of an object a token.</summary>
internal sealed class TokenTable
{
    private readonly byte[] _bytes;
    private readonly int[] _ends;
    private readonly bool[] _isSpecial;
    private readonly Dictionary<string, int> _added = new(StringComparer.Ordinal);
    private readonly IReadOnlyDictionary<string, int> _model;

    public TokenTable(TokenizerParts parts)
    {
        _model = parts.Vocabulary.Ids;
        var maxId = Math.Max(_model.Values.DefaultIfEmpty(-1).Max(), parts.AddedTokens.Select(token => token.Id).DefaultIfEmpty(-1).Max());
        var bytesOfToken = new byte[]?[maxId + 1];
        foreach (var (token, id) in _model)
        {
            bytesOfToken[id] = parts.Decoder.GetBytes(token);
        }

        _isSpecial = new bool[bytesOfToken.Length];
        foreach (var token in parts.AddedTokens)
        {
            bytesOfToken[token.Id] = Encoding.UTF8.GetBytes(token.Content);
            _isSpecial[token.Id] = token.IsSpecial;
            _added[token.Content] = token.Id;
        }

        _ends = new int[bytesOfToken.Length];
        _bytes = new byte[bytesOfToken.Sum(bytes => bytes?.Length ?? 0)];
        var end = 0;
        for (var id = 0; id < bytesOfToken.Length; id++)
        {
            bytesOfToken[id]?.CopyTo(_bytes, end);
            end += bytesOfToken[id]?.Length ?? 0;
            _ends[id] = end;
        }
    }

    public int Count => _ends.Length;

    public ReadOnlySpan<byte> GetBytes(int id)
    {
        if ((uint)id >= (uint)_ends.Length)
        {
            return default;
        }

        var start = id == 0 ? 0 : _ends[id - 1];
        return _bytes.AsSpan(start, _ends[id] - start);
    }

    public bool IsSpecial(int id) => (uint)id < (uint)_isSpecial.Length && _isSpecial[id];

    public bool TryGetId(string token, out int id) => _added.TryGetValue(token, out id) || _model.TryGetValue(token, out id);
}
