using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Engine;

namespace KvCluster.DecodeWorker.Tests.Engine;

public sealed class AdmissionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void TryAdmit_AnyArrivals_InOrderWithinBudget() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(300),
        Prop.ForAll(Gen.Choose(0, 100).ArrayOf().ToArbitrary(), Gen.Choose(1, 5).ToArbitrary(), (sizes, most) =>
        {
            var queue = new AdmissionQueue<string>(most, new KvDemand(100));
            string[] items = [.. sizes.Select((_, i) => $"{i}")];
            for (var i = 0; i < items.Length; i++)
            {
                queue.Enqueue(items[i], new KvDemand(sizes[i]));
            }

            var admitted = new Queue<int>();
            var next = 0;
            while (next < items.Length)
            {
                while (queue.TryAdmit(out var item))
                {
                    Assert.Same(items[next], item);
                    admitted.Enqueue(sizes[next++]);
                    Assert.Equal((admitted.Count, admitted.Sum()), (queue.AdmittedCount, queue.Reserved.Bytes));
                    Assert.True(queue.Reserved.Bytes <= 100 && queue.AdmittedCount <= most);
                }

                if (next < items.Length)
                {
                    queue.Release(new KvDemand(admitted.Dequeue()));
                }
            }
        }));

    [Fact]
    public async Task Enter_HeadCancelled_TheNextGetsItsPlace()
    {
        var admission = new KvAdmission(4, 4, new KvDemand(100));
        using var first = await admission.Enter(new KvDemand(60), default, out _)!.WaitAsync(Patience);
        using var cancel = new CancellationTokenSource();
        var head = admission.Enter(new KvDemand(80), cancel.Token, out _)!;
        var behind = admission.Enter(new KvDemand(40), default, out _)!;
        Assert.False(behind.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => head.WaitAsync(Patience));
        using var second = await behind.WaitAsync(Patience);
        Assert.Equal((2, 0, 100L), (admission.AdmittedCount, admission.WaitingCount, admission.Reserved.Bytes));
    }

    [Fact]
    public void Enter_TooLargeOrTooMany_Refused()
    {
        var admission = new KvAdmission(1, 1, new KvDemand(100));
        Assert.Null(admission.Enter(new KvDemand(101), default, out var refusal));
        Assert.Equal(AdmissionRefusal.NeverFits, refusal);
        Assert.NotNull(admission.Enter(new KvDemand(10), default, out _));
        Assert.NotNull(admission.Enter(new KvDemand(10), default, out _));
        Assert.Null(admission.Enter(new KvDemand(10), default, out refusal));
        Assert.Equal(AdmissionRefusal.QueueFull, refusal);
    }

    [Fact]
    public async Task Dispose_Twice_ReleasesOnce()
    {
        var admission = new KvAdmission(2, 2, new KvDemand(100));
        var reservation = await admission.Enter(new KvDemand(50), default, out _)!.WaitAsync(Patience);
        using var other = await admission.Enter(new KvDemand(30), default, out _)!.WaitAsync(Patience);
        reservation.Dispose();
        reservation.Dispose();
        Assert.Equal((1, 30L), (admission.AdmittedCount, admission.Reserved.Bytes));
    }
}
