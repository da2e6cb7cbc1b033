using System.Text.Json;
using System.Text.RegularExpressions;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

/// <summary>
/// splits.json.gz holds what Perl, which matches code points, makes of the patterns of Llama 3, GPT-2 and GPT-4o: each case is a text,
/// then for each pattern the lengths of its pieces in UTF-16 code units.
/// </summary>
public sealed class RegexSplitTests
{
    [Fact]
    public void Split_KnownPatterns_AgreesWithACodePointEngine()
    {
        using Stream file = DataFile.OpenRead(RepositoryRoot.TestData("splits.json.gz"));
        using var data = JsonDocument.Parse(file);
        Regex[] patterns =
            [.. data.RootElement.GetProperty("patterns").EnumerateArray().Select(source => OnigurumaPattern.Compile(source.GetString()!, "tokenizer.json"))];
        Assert.Equal((3, 400), (patterns.Length, data.RootElement.GetProperty("cases").GetArrayLength()));
        foreach (var item in data.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = item[0].GetString()!;
            for (int i = 0; i < patterns.Length; i++)
            {
                Assert.Equal(Pieces(text, item[i + 1]), Split(patterns[i], SplitBehavior.Isolated, false, text));
            }
        }
    }

    [Theory]
    [InlineData("Isolated", false, "a|-|-|b")]
    [InlineData("Removed", false, "a|b")]
    [InlineData("MergedWithPrevious", false, "a-|-|b")]
    [InlineData("MergedWithNext", false, "a|-|-b")]
    [InlineData("Contiguous", false, "a|--|b")]
    [InlineData("Removed", true, "-|-")]
    public void Split_Behaviors_PlaceDelimiters(string behavior, bool isInverted, string expected) =>
        Assert.Equal(expected.Split('|'), Split(OnigurumaPattern.Compile("-", "tokenizer.json"), Enum.Parse<SplitBehavior>(behavior), isInverted, "a--b"));

    [Theory]
    [InlineData(@"(?i:'s)|x", @"(?i:'[sſ])|x")]
    [InlineData(@"(?i:[^st])s", "(?i:[^sſt])s")]
    [InlineData(@"(?i:[a-s])", "(?i:[a-s])")]
    [InlineData(@"\p{L}?+a", @"(?>\p{L}?)a")]
    [InlineData("(ab)++", "(?>(ab)+)")]
    [InlineData("a{2}+", "(?:a{2})+")]
    [InlineData("a{,3}b", "a{0,3}b")]
    [InlineData("a{b", "a{b")]
    [InlineData(@"\h[\h_]\x{4E00}", @"[0-9a-fA-F][0-9a-fA-F_]\u4E00")]
    [InlineData("^a$", "(?m:^)a(?m:$)")]
    [InlineData("(?m:.)", "(?s:.)")]
    [InlineData("(?:a|(?=b)|(?!c)|(?<=d))*?", "(?:a|(?=b)|(?!c)|(?<=d))*?")]
    public void Compile_OnigurumaSyntax_BecomesDotNet(string source, string expected) =>
        Assert.Equal(expected, OnigurumaPattern.Compile(source, "tokenizer.json").ToString());

    [Theory]
    [InlineData("[a[b]]")]
    [InlineData("[a&&b]")]
    [InlineData(@"\p{Han}")]
    [InlineData(@"\p{IsGreek}")]
    [InlineData(@"\x{20000}")]
    [InlineData(@"a\K")]
    [InlineData("(")]
    [InlineData("[a")]
    [InlineData(@"\")]
    [InlineData("(?x:a)")]
    public void Compile_WhatHasNoEqual_IsRefusedByName(string source)
    {
        var error = Assert.Throws<ModelLoadException>(() => OnigurumaPattern.Compile(source, "tokenizer.json"));
        Assert.Contains(source, error.Message, StringComparison.Ordinal);
    }

    private static List<string> Pieces(string text, JsonElement lengths)
    {
        var pieces = new List<string>();
        int start = 0;
        foreach (JsonElement length in lengths.EnumerateArray())
        {
            pieces.Add(text.Substring(start, length.GetInt32()));
            start += length.GetInt32();
        }

        Assert.Equal(text.Length, start);
        return pieces;
    }

    private static List<string> Split(Regex pattern, SplitBehavior behavior, bool isInverted, string text)
    {
        var output = new List<TextPiece>();
        new RegexPreTokenizer(pattern, behavior, isInverted)
            .Split(new TextPiece(text, 0, text.Length, IsAtStart: true), output);
        return [.. output.Select(piece => piece.Span.ToString())];
    }
}
