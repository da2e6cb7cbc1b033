using FsCheck;
using FsCheck.Fluent;
using Grpc.Core;
using Grpc.Wire;

namespace KvCluster.Standins.Grpc.Tests.Wire;

public sealed class HeaderMetadataTests
{
    [Fact]
    public void Append_HeaderValueOfBytes_IsTheBytes() => Prop.ForAll<byte[], bool>((bytes, isPadded) =>
    {
        var header = new Metadata.Entry("key-bin", bytes ?? []).HeaderValue;
        var metadata = new Metadata();
        HeaderMetadata.Append(metadata, "key-bin", isPadded ? header : header.TrimEnd('='));
        return metadata.GetValueBytes("key-bin")!.SequenceEqual(bytes ?? []);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Append_JoinedBytes_AreEntriesInOrder()
    {
        var metadata = new Metadata();
        HeaderMetadata.Append(metadata, "key-bin", "AQ==, Ag,AwQ=");
        Assert.Equal([[1], [2], [3, 4]], metadata.GetAll("key-bin").Select(entry => entry.ValueBytes));
    }

    [Fact]
    public void Entry_Key_IsLowerCase() => Assert.Equal("a-key", new Metadata.Entry("A-Key", "v").Key);

    [Theory]
    [InlineData("a key")]
    [InlineData("schlüssel")]
    [InlineData("key:")]
    [InlineData("key-bin")]
    public void Entry_KeyUnfitForText_IsRefused(string key) => Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "v"));

    [Fact]
    public void Entry_BytesWithoutSuffix_IsRefused() => Assert.Throws<ArgumentException>(() => new Metadata.Entry("key", [1]));

    [Fact]
    public void Empty_Add_IsRefused() => Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("a", "b"));

    [Fact]
    public void Get_Repeated_IsTheLast()
    {
        var metadata = new Metadata { { "a", "1" }, { "b", "2" }, { "a", "3" } };
        Assert.Equal("3", metadata.GetValue("A"));
        Assert.Equal(["1", "3"], metadata.GetAll("a").Select(entry => entry.Value));
    }
}
