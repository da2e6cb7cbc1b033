using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace KvCluster.Inference.Tests.Tokenizers;

/// <summary>Valid Unicode text with what tokenizers trip over: spaces, marks, emoji, letters beyond U+FFFF, control tokens.</summary>
internal static class TextGenerator
{
    private static readonly string[] Words =
    [
        " ", "  ", "\n", "\r\n", "\t", "the", " line", "REGISTER_CONTENT", "'s", "'LL", "'ſ", "123", "٣", "é", "e\u0301", "漢字", "👍🏽",
        "👩‍👩‍👧", "𝐀𝟘", "𠀀", "\u00A0", "\u3000", "\u0085", "<|im_start|>", "<|im_end|>", "<|", "|>", "im_start", "▁", "<0x41>", "\0", "ि",
    ];

    public static Gen<string> Text { get; } =
        Gen.OneOf(Gen.Elements(Words), Scalar()).ListOf().Select(parts => string.Concat(parts));

    public static Arbitrary<string> Arbitrary { get; } = Arb.From(Text);

    private static Gen<string> Scalar() =>
        Gen.OneOf(Gen.Choose(0, 0x7F), Gen.Choose(0x80, 0xD7FF), Gen.Choose(0xE000, 0xFFFF), Gen.Choose(0x10000, 0x10FFFF))
            .Select(value => new Rune(value).ToString());
}
