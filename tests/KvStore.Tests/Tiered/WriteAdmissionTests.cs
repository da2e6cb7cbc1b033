using KvCluster.KvStore.Cold;

namespace KvCluster.KvStore.Tests.Tiered;

public sealed class WriteAdmissionTests
{
    [Fact]
    public void Admit_UnprovenBlocks_AreLimitedToTheAllowance()
    {
        var time = new TestTimeProvider();
        var admission = new WriteAdmission(time, unprovenBytesPerSecond: 100, burstBytes: 250);
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(number => admission.Admit(TestSlabs.Id(number), false, 100)));
        Assert.True(admission.Admit(TestSlabs.Id(3), wasUsedAgain: true, 1000));
        time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal([true, false], Enumerable.Range(4, 2).Select(number => admission.Admit(TestSlabs.Id(number), false, 100)));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal([true, true, false], Enumerable.Range(6, 3).Select(number => admission.Admit(TestSlabs.Id(number), false, 100)));
    }

    [Fact]
    public void Admit_OfferedASecondTime_IsProvenWhileRemembered()
    {
        var admission = new WriteAdmission(new TestTimeProvider(), unprovenBytesPerSecond: 0, burstBytes: 0, rememberedCount: 2);
        Assert.DoesNotContain(true, Enumerable.Range(0, 3).Select(number => admission.Admit(TestSlabs.Id(number), false, 1)));
        Assert.Equal([false, true], new[] { 0, 2 }.Select(number => admission.Admit(TestSlabs.Id(number), false, 1)));
    }
}
