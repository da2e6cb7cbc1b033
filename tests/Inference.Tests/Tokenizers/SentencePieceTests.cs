using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

/// <summary>A small tokenizer.json in the two shapes that converters of SentencePiece models write.</summary>
public sealed class SentencePieceTests
{
    private const string Llama2 =
        """
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null,
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        """;

    private const string Mistral =
        """
        "normalizer": null,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        """;

    [Theory]
    [InlineData(Llama2, "hi hi", "<s>|▁hi|▁hi")]
    [InlineData(Mistral, "hi hi", "<s>|▁hi|▁hi")]
    [InlineData(Llama2, "hi</s>hi", "<s>|▁hi|</s>|▁hi")]
    [InlineData(Mistral, "hi</s>hi", "<s>|▁hi|</s>|hi")]
    [InlineData(Llama2, " hi", "<s>|▁|▁hi")]
    [InlineData(Mistral, " hi", "<s>|▁hi")]
    [InlineData(Llama2, "hé\n", "<s>|▁h|<0xC3>|<0xA9>|<0x0A>")]
    [InlineData(Llama2, "", "<s>")]
    public void Encode_KnownTexts_GivesTokens(string shape, string text, string expected)
    {
        var tokenizer = Load(shape);
        var ids = expected.Split('|').Select(token => tokenizer.TryGetId(token, out var id) ? id : -1);

        Assert.Equal(ids, tokenizer.Encode(text));
    }

    [Fact]
    public void Decode_Encoded_GivesTheTextBack()
    {
        var tokenizer = Load(Llama2);
        var texts = TextGenerator.Text.Where(text => !text.Contains('▁'));
        Prop.ForAll(
            Arb.From(texts),
            text =>
            {
                var ids = tokenizer.Encode(text, parseSpecialTokens: false);
                Assert.Equal(text, tokenizer.Decode(ids, skipSpecialTokens: true));
                var detokenizer = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true);
                Assert.Equal(text, string.Concat(ids.Select(detokenizer.Push)) + detokenizer.Flush());
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void Encode_WithoutParsing_KeepsSpecialTokensAsText()
    {
        var tokenizer = Load(Llama2);
        var ids = tokenizer.Encode("</s>", addSpecialTokens: false, parseSpecialTokens: false);

        Assert.DoesNotContain(ids, tokenizer.IsSpecial);
        Assert.Equal("</s>", tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    private static Tokenizer Load(string shape)
    {
        using var folder = new TemporaryFolder();
        string[] tokens =
        [
            "<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), "▁", "h", "i", "▁h", "▁hi", "hi", "<", "/", "s", ">",
        ];
        var vocabulary = JsonSerializer.Serialize(tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id));
        return Tokenizer.Load(folder.Write(
            "tokenizer.json",
            $$"""
            {
              "added_tokens": [
                {"id": 0, "content": "<unk>", "special": true, "normalized": false},
                {"id": 1, "content": "<s>", "special": true, "normalized": false},
                {"id": 2, "content": "</s>", "special": true, "normalized": false}],
              {{shape}}
              "post_processor": {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0} }, {"Sequence": {"id": "A", "type_id": 0} }],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]} } },
              "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                "vocab": {{vocabulary}}, "merges": ["▁ h", "h i", "▁h i"]}
            }
            """));
    }
}
