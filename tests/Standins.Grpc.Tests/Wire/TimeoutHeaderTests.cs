using FsCheck;
using FsCheck.Fluent;
using Grpc.Wire;

namespace KvCluster.Standins.Grpc.Tests.Wire;

public sealed class TimeoutHeaderTests
{
    [Fact]
    public void TryParse_Formatted_IsTheTimeoutRoundedUp() => Prop.ForAll<long>(ticks =>
    {
        var timeout = TimeSpan.FromTicks(Math.Abs(ticks % TimeSpan.FromDays(3650).Ticks) + 1);
        var text = TimeoutHeader.Format(timeout);
        return TimeoutHeader.TryParse(text, out var parsed)
            && text.Length <= 9
            && parsed >= timeout
            && (parsed - timeout).Ticks <= Math.Max(10, timeout.Ticks / 10_000_000);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("1H", 3600.0)]
    [InlineData("2M", 120.0)]
    [InlineData("3S", 3.0)]
    [InlineData("4m", 0.004)]
    [InlineData("5u", 0.000005)]
    [InlineData("700n", 0.0000007)]
    public void TryParse_EachUnit_IsSeconds(string text, double seconds)
    {
        Assert.True(TimeoutHeader.TryParse(text, out var timeout));
        Assert.Equal(seconds, timeout.TotalSeconds, 1e-9);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("1s")]
    [InlineData("1 S")]
    [InlineData("123456789S")]
    public void TryParse_Malformed_IsRefused(string text) => Assert.False(TimeoutHeader.TryParse(text, out _));

    [Fact]
    public void Format_Passed_IsTheSmallest() => Assert.Equal("1n", TimeoutHeader.Format(TimeSpan.FromSeconds(-1)));
}
