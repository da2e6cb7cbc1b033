using System.Text.Json;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

/// <summary>nfc.json.gz holds pairs of text and its form C, made by Python's unicodedata (Unicode 14).</summary>
public sealed class NfcNormalizerTests
{
    private readonly NfcNormalizer _normalizer = new();

    [Fact]
    public void Normalize_MarksJamoAndExclusions_AgreesWithPython()
    {
        using Stream file = DataFile.OpenRead(RepositoryRoot.TestData("nfc.json.gz"));
        using var data = JsonDocument.Parse(file);
        foreach (var item in data.RootElement.EnumerateArray())
        {
            Assert.Equal(item[1].GetString(), _normalizer.Normalize(item[0].GetString()!));
        }
    }

    [Theory]
    [InlineData("e\u0301", "é")]
    [InlineData("\u212B", "Å")]
    [InlineData("\u1112\u1161\u11AB", "한")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("plain", "plain")]
    public void Normalize_KnownCases_Composes(string text, string expected) => Assert.Equal(expected, _normalizer.Normalize(text));
}
