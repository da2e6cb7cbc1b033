using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Grpc.Wire;

namespace KvCluster.Standins.Grpc.Tests.Wire;

public sealed class PercentEncodingTests
{
    [Fact]
    public void Decode_Encoded_IsTheText() => Prop.ForAll<string>(text =>
    {
        var valid = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? ""));
        var encoded = PercentEncoding.Encode(valid);
        return PercentEncoding.Decode(encoded) == valid && encoded.All(c => c is >= ' ' and <= '~');
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("100 %", "100 %25")]
    [InlineData("grüß\n", "gr%C3%BC%C3%9F%0A")]
    [InlineData("😀", "%F0%9F%98%80")]
    public void Encode_Known_IsAsSpecified(string text, string encoded) => Assert.Equal(encoded, PercentEncoding.Encode(text));

    [Theory]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("a%zzb", "a%zzb")]
    [InlineData("%41%", "A%")]
    public void Decode_Malformed_StandsAsItIs(string encoded, string text) => Assert.Equal(text, PercentEncoding.Decode(encoded));
}
