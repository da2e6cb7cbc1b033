using System.Globalization;
using System.IO.Compression;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Canonical decompositions and combining classes of the Unicode Character Database, from CanonicalData.txt.gz.</summary>
internal sealed class CanonicalData
{
    private static readonly Lazy<CanonicalData> Loaded = new(() => new CanonicalData());

    private readonly Dictionary<int, (int First, int Second)> _decompositions = [];
    private readonly Dictionary<(int First, int Second), int> _compositions = [];
    private readonly Dictionary<int, byte> _classes = [];

    /// <summary>Code points that may change under form C, or change others: everything else needs no work.</summary>
    private readonly HashSet<int> _affected = [];

    private CanonicalData()
    {
        using var stream = typeof(CanonicalData).Assembly.GetManifestResourceStream("CanonicalData.txt.gz")
            ?? throw new InvalidOperationException("CanonicalData.txt.gz is not embedded.");
        using var reader = new StreamReader(new GZipStream(stream, CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            Add(line.Split(' '));
        }

        // Vowels and trailing consonants of Hangul join the syllable before them.
        for (var jamo = 0x1161; jamo <= 0x11C2; jamo++)
        {
            _affected.Add(jamo);
        }
    }

    public static CanonicalData Instance => Loaded.Value;

    public bool IsSurelyComposed(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value >= 0x300 && _affected.Contains(rune.Value))
            {
                return false;
            }
        }

        return true;
    }

    public byte GetClass(int codePoint) => _classes.GetValueOrDefault(codePoint);

    /// <summary>Second is 0 for a decomposition into one code point.</summary>
    public bool TryDecompose(int codePoint, out (int First, int Second) parts) => _decompositions.TryGetValue(codePoint, out parts);

    public bool TryCompose(int first, int second, out int composed) => _compositions.TryGetValue((first, second), out composed);

    private void Add(string[] fields)
    {
        switch (fields[0])
        {
            case "D":
                var pair = (Parse(fields[2]), Parse(fields[3]));
                _decompositions.Add(Parse(fields[1]), pair);
                _compositions.Add(pair, Parse(fields[1]));
                _affected.Add(pair.Item2);
                break;
            case "D!":
                _decompositions.Add(Parse(fields[1]), (Parse(fields[2]), fields.Length > 3 ? Parse(fields[3]) : 0));
                _affected.Add(Parse(fields[1]));
                break;
            case "C":
                for (var codePoint = Parse(fields[1]); codePoint <= Parse(fields[2]); codePoint++)
                {
                    _classes.Add(codePoint, byte.Parse(fields[3], CultureInfo.InvariantCulture));
                    _affected.Add(codePoint);
                }

                break;
            default:
                break;
        }
    }

    private static int Parse(string hex) => int.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
