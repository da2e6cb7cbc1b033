using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

public sealed class TokenizerFileTests : IDisposable
{
    private const string ByteLevel = "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": true}, \"decoder\": {\"type\": \"ByteLevel\"},";
    private const string Model = "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"Ġ\": 2, \"ab\": 3, \"Ġa\": 4, \"abb\": 5}, \"merges\": [[\"a\", \"b\"], \"Ġ a\"]";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Encode_IgnoreMerges_TakesWholePieces()
    {
        Assert.Equal([3, 1], Load($"{{{ByteLevel}{Model}}}}}").Encode("abb"));
        Assert.Equal([5], Load($"{{{ByteLevel}{Model}, \"ignore_merges\": true}}}}").Encode("abb"));
    }

    [Fact]
    public void Encode_CharacterWithoutToken_IsLeftOutOrUnknown()
    {
        Assert.Equal([3, 4], Load($"{{{ByteLevel}{Model}}}}}").Encode("zab a"));
        Assert.Equal([2, 3], Load($"{{{ByteLevel}{Model}, \"unk_token\": \"Ġ\"}}}}").Encode("zab"));
    }

    [Theory]
    [InlineData("\"lstrip\": true", "a <x> a", "a|<x>| a")]
    [InlineData("\"rstrip\": true", "a <x> a", "a| |<x>|a")]
    [InlineData("\"single_word\": true", "a<x>a <x> a", "a|a| |<x>| a")]
    [InlineData("\"normalized\": true", "a<x>", "a|<x>")]
    public void Encode_AddedTokenFlags_AreHonoured(string flag, string text, string expected)
    {
        var added = $"\"added_tokens\": [{{\"id\": 6, \"content\": \"<x>\", \"normalized\": false, {flag}}}],";
        if (flag.Contains("normalized", StringComparison.Ordinal))
        {
            added = added.Replace("\"normalized\": false, ", "", StringComparison.Ordinal);
        }

        var tokenizer = Load($"{{{added}{ByteLevel}{Model}}}}}");

        Assert.Equal(expected.Split('|'), tokenizer.Encode(text).Select(id => tokenizer.Decode([id], skipSpecialTokens: false)));
    }

    [Fact]
    public void Encode_OverlappingAddedTokens_TakesTheLongest()
    {
        var tokenizer = Load(
            $"{{\"added_tokens\": [{{\"id\": 6, \"content\": \"<x\"}}, {{\"id\": 7, \"content\": \"<x>\"}}],{ByteLevel}{Model}}}}}");

        Assert.Equal([7, 6, 0], tokenizer.Encode("<x><xa"));
    }

    [Theory]
    [InlineData("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}", "WordPiece")]
    [InlineData("{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}", "Unigram")]
    [InlineData("{}", "model is missing")]
    [InlineData("{\"normalizer\": {\"type\": \"BertNormalizer\"}, " + Model + "}}", "BertNormalizer")]
    [InlineData("{\"pre_tokenizer\": {\"type\": \"Whitespace\"}, " + Model + "}}", "Whitespace")]
    [InlineData("{\"decoder\": {\"type\": \"WordPiece\"}, " + Model + "}}", "WordPiece")]
    [InlineData("{\"decoder\": {\"type\": \"ByteLevel\"}, " + Model + "}}", "byte-level")]
    [InlineData("{\"post_processor\": {\"type\": \"BertProcessing\"}, " + Model + "}}", "BertProcessing")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}", "merge 0")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}", "token id -1")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 2000000000}, \"merges\": []}}", "token id")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": 3, \"merges\": []}}", "not a valid tokenizer.json")]
    public void Load_WhatIsNotSupported_IsRefusedByName(string json, string expected)
    {
        var error = Assert.Throws<ModelLoadException>(() => Load(json));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_CorruptFile_LoadsOrRefuses()
    {
        var valid = $"{{\"added_tokens\": [{{\"id\": 6, \"content\": \"<x>\"}}],{ByteLevel}{Model}}}}}";
        var changes = from place in Gen.Choose(0, valid.Length - 1) from value in Gen.Choose(' ', '~') select (place, value);
        Prop.ForAll(
            Arb.From(changes),
            change =>
            {
                var text = valid.ToCharArray();
                text[change.place] = (char)change.value;
                try
                {
                    Load(new string(text)).Encode("ab <x>");
                }
                catch (ModelLoadException e)
                {
                    Assert.Contains("tokenizer.json", e.Message, StringComparison.Ordinal);
                }
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    private Tokenizer Load(string json) => Tokenizer.Load(_folder.Write("tokenizer.json", json));
}
