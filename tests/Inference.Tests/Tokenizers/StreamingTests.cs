using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Tokenizers;

public sealed class StreamingTests
{
    private static readonly Tokenizer Tokenizer = DemoTokenizer.Instance;

    [Fact]
    public void Push_AnyIds_DeltasEqualDecodeAndKeepCharactersWhole()
    {
        // Ids 3 to 258 are the single bytes: sequences of them are mostly broken UTF-8.
        var ids = Gen.OneOf(Gen.Choose(0, 4095), Gen.Choose(3, 258)).ArrayOf();
        Prop.ForAll(Arb.From(ids), Arb.From(Gen.Elements(true, false)), CheckDeltas).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Push_EmojiByteByByte_ComesOutOnce()
    {
        int[] ids = [.. Encoding.UTF8.GetBytes("👍").Select(ByteId)];
        var detokenizer = new IncrementalDetokenizer(Tokenizer, skipSpecialTokens: true);

        Assert.Equal(["", "", "", "👍"], ids.Select(detokenizer.Push));
        Assert.Equal("", detokenizer.Push(ids[0]));
        Assert.Equal("\uFFFD", detokenizer.Flush());
        Assert.Equal("", detokenizer.Flush());
    }

    [Fact]
    public void Push_AnyDeltas_EqualsTheNaiveSearch()
    {
        var letters = Gen.Elements("a", "b", "ab", "aab", "c", "👍");
        var stops = letters.NonEmptyListOf().Select(parts => string.Concat(parts.Take(4))).ListOf().Select(list => list.Take(4).ToArray());
        var deltas = letters.ListOf();
        Prop.ForAll(Arb.From(deltas), Arb.From(stops), (parts, texts) => CheckStops([.. parts], texts))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Push_PartOfAStop_IsHeldBackOnlyAsLongAsNeeded()
    {
        var matcher = new StopStringMatcher(["END"]);

        Assert.Equal("x", matcher.Push("xE"));
        Assert.Equal("", matcher.Push("N"));
        Assert.Equal("ENx", matcher.Push("x"));
        Assert.Equal("E", matcher.Push("EEN"));
        Assert.Equal("", matcher.Push("Dabc"));
        Assert.Equal("END", matcher.MatchedStop);
        Assert.Equal("", matcher.Flush());
    }

    private static void CheckDeltas(int[] ids, bool skipsSpecialTokens)
    {
        var detokenizer = new IncrementalDetokenizer(Tokenizer, skipsSpecialTokens);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            var delta = detokenizer.Push(id);
            Assert.False(delta.Length > 0 && (char.IsHighSurrogate(delta[^1]) || char.IsLowSurrogate(delta[0])));
            text.Append(delta);
        }

        Assert.Equal(Tokenizer.Decode(ids, skipsSpecialTokens), text.Append(detokenizer.Flush()).ToString());
    }

    private static void CheckStops(string[] deltas, string[] stops)
    {
        var matcher = new StopStringMatcher(stops);
        var given = string.Concat(deltas.Select(matcher.Push)) + matcher.Flush();

        var text = string.Concat(deltas);
        for (var end = 1; end <= text.Length; end++)
        {
            var found = stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).MaxBy(stop => stop.Length);
            if (found is not null)
            {
                Assert.Equal(found, matcher.MatchedStop);
                Assert.Equal(text[..(end - found.Length)], given);
                return;
            }
        }

        Assert.Null(matcher.MatchedStop);
        Assert.Equal(text, given);
    }

    private static int ByteId(byte value)
    {
        for (var id = 0; id < Tokenizer.VocabularySize; id++)
        {
            if (Tokenizer.TokenBytes(id).SequenceEqual([value]))
            {
                return id;
            }
        }

        throw new InvalidOperationException($"No token for byte {value}.");
    }
}
