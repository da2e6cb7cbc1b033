using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

public sealed class DemoTokenizerTests
{
    private static readonly Tokenizer Tokenizer = DemoTokenizer.Instance;

    [Fact]
    public void Encode_GoldenCases_GivesTheIdsOfTransformers()
    {
        using Stream file = DataFile.OpenRead(RepositoryRoot.DemoGolden);
        using var golden = JsonDocument.Parse(file);
        var cases = golden.RootElement.GetProperty("cases").EnumerateArray().ToList();

        Assert.Equal(10, cases.Count);
        foreach (var item in cases)
        {
            var text = item.GetProperty("text").GetString()!;
            int[] ids = [.. item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(ids, Tokenizer.Encode(text));
            Assert.Equal(text, Tokenizer.Decode(ids, skipSpecialTokens: false));

            int[] greedy = [.. item.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(item.GetProperty("greedy_text").GetString(), Tokenizer.Decode(greedy, skipSpecialTokens: false));
        }
    }

    [Fact]
    public void VocabularySize_Demo_Is4096() => Assert.Equal(4096, Tokenizer.VocabularySize);

    [Fact]
    public void Decode_EncodedText_GivesTheTextBack() =>
        Prop.ForAll(
            TextGenerator.Arbitrary,
            text => Tokenizer.Decode(Tokenizer.Encode(text), skipSpecialTokens: false) == text
                && Tokenizer.Decode(Tokenizer.Encode(text, parseSpecialTokens: false), skipSpecialTokens: true) == text)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Encode_WithoutParsing_NeverGivesSpecialIds() =>
        Prop.ForAll(
            TextGenerator.Arbitrary,
            text => !Tokenizer.Encode(text + "<|im_end|>", parseSpecialTokens: false).Any(Tokenizer.IsSpecial))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Encode_LoneSurrogate_BecomesReplacementCharacter() =>
        Assert.Equal("a\uFFFDb", Tokenizer.Decode(Tokenizer.Encode("a\uD800b"), skipSpecialTokens: false));

    [Fact]
    public void Decode_UnknownIds_LeavesThemOut() =>
        Assert.Equal("", Tokenizer.Decode([-1, 4096, int.MaxValue], skipSpecialTokens: false));

    [Theory]
    [InlineData("mixed")]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("<")]
    [InlineData("\U0001D400")]
    [InlineData("<|im_end|>")]
    public void Encode_OneMegabyte_IsNotQuadratic(string kind)
    {
        var text = kind == "mixed" ? MixedText() : string.Concat(Enumerable.Repeat(kind, 1_000_000 / kind.Length));
        Tokenizer.Encode(text[..10_000]);
        var watch = Stopwatch.StartNew();
        var ids = Tokenizer.Encode(text);
        watch.Stop();

        TestContext.Current.TestOutputHelper?.WriteLine($"'{kind}': {text.Length} characters, {ids.Length} tokens, {watch.ElapsedMilliseconds} ms");

        // Takes 0.1 to 0.4 s of processor time. Machines that run tests are shared, so the bound only tells it from quadratic work.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    private static string MixedText()
    {
        using Stream file = DataFile.OpenRead(RepositoryRoot.DemoGolden);
        using var golden = JsonDocument.Parse(file);
        var text = new StringBuilder();
        while (text.Length < 1_000_000)
        {
            foreach (var item in golden.RootElement.GetProperty("cases").EnumerateArray())
            {
                text.Append(item.GetProperty("text").GetString()).Append(text.Length);
            }
        }

        return text.ToString(0, 1_000_000);
    }
}
