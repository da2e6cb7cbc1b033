using KvCluster.Gateway.Routing;

namespace KvCluster.Gateway.Tests.Routing;

public sealed class WorkerPoolTests
{
    private static readonly KvIdentity Identity = new(1, 2);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly TestTimeProvider _time = new();
    private readonly WorkerPool _pool;

    public WorkerPoolTests() => _pool = new WorkerPool(new DecodeRoutingPolicy(), Interval, _time);

    [Fact]
    public void LoadOf_SilentForTooManyIntervals_Null()
    {
        _pool.Join(Worker("a"), 7);
        _time.Advance(WorkerPool.SilentIntervals * Interval);
        Assert.NotNull(_pool.LoadOf("a", 7));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(_pool.LoadOf("a", 7));
        Assert.False(_pool.Report("a", 7, LoadReport.Idle));
    }

    [Fact]
    public void Report_LateButThere_KeepsMember()
    {
        _pool.Join(Worker("a"), 7);
        for (int i = 0; i < 10; i++)
        {
            _time.Advance((WorkerPool.SilentIntervals + 1) * Interval);
            Assert.True(_pool.Report("a", 7, LoadReport.Idle));
        }

        Assert.NotNull(_pool.LoadOf("a", 7));
    }

    [Fact]
    public void Report_OldEpoch_IsRefused()
    {
        _pool.Join(Worker("a"), 7);
        _pool.Join(Worker("a"), 8);
        Assert.False(_pool.Report("a", 7, LoadReport.Idle));
        Assert.True(_pool.Report("a", 8, LoadReport.Idle));
    }

    [Fact]
    public void Acquire_BetweenHeartbeats_SpreadsOverMembers()
    {
        _pool.Join(Worker("a"), 1);
        _pool.Join(Worker("b"), 2);
        string[] chosen = [.. Enumerable.Range(0, 6).Select(_ => _pool.Acquire(Query())!.Worker.WorkerId)];
        Assert.Equal(["a", "b", "a", "b", "a", "b"], chosen);
    }

    [Fact]
    public void Acquire_AfterReport_CountsPlacementOnce()
    {
        _pool.Join(Worker("a"), 1);
        _pool.Join(Worker("b"), 2);
        Assert.Equal("a", _pool.Acquire(Query())!.Worker.WorkerId);
        Assert.True(_pool.Report("a", 1, new LoadReport { RunningSequences = 1 }));
        Assert.Equal("b", _pool.Acquire(Query())!.Worker.WorkerId);
        Assert.Equal("a", _pool.Acquire(Query())!.Worker.WorkerId);
    }

    [Fact]
    public void Release_OfReportedWork_LowersLoadBeforeNextReport()
    {
        _pool.Join(Worker("a"), 1);
        _pool.Join(Worker("b"), 2);
        Placement first = _pool.Acquire(Query())!;
        Assert.True(_pool.Report("a", 1, new LoadReport { RunningSequences = 1 }));
        _pool.Release(first.ReservationId);
        Assert.Equal("a", _pool.Acquire(Query())!.Worker.WorkerId);
    }

    [Fact]
    public void Acquire_OtherIdentity_None()
    {
        _pool.Join(Worker("a"), 1);
        Assert.Null(_pool.Acquire(Query() with { Identity = new KvIdentity(1, 3) }));
    }

    [Fact]
    public void Acquire_AvoidedWorker_OnlyWhenNoOther()
    {
        _pool.Join(Worker("a"), 1);
        Assert.Equal("a", _pool.Acquire(Query() with { AvoidedWorkerIds = ["a"] })!.Worker.WorkerId);
        _pool.Join(Worker("b"), 2);
        Assert.Equal("b", _pool.Acquire(Query() with { AvoidedWorkerIds = ["a"] })!.Worker.WorkerId);
    }

    [Fact]
    public void Suspect_UntilNextReport_GetsNoWork()
    {
        _pool.Join(Worker("a"), 1);
        _pool.Suspect("a", 1);
        Assert.Null(_pool.Acquire(Query()));
        Assert.True(_pool.Report("a", 1, LoadReport.Idle));
        Assert.NotNull(_pool.Acquire(Query()));
    }

    [Fact]
    public void Leave_Draining_FinishesButGetsNoWork()
    {
        _pool.Join(Worker("a"), 1);
        Assert.True(_pool.Leave("a", 1, draining: true));
        Assert.Null(_pool.Acquire(Query()));
        Assert.True(_pool.Report("a", 1, LoadReport.Idle));
        Assert.True(Assert.Single(_pool.Snapshot()).IsDraining);
        Assert.True(_pool.Leave("a", 1, draining: false));
        Assert.Empty(_pool.Snapshot());
    }

    [Fact]
    public void Reservations_AnyHistory_SumOfMembersIsTotal()
    {
        var random = new Random(5);
        var open = new List<long>();
        for (int step = 0; step < 2000; step++)
        {
            string id = $"w{random.Next(4)}";
            switch (random.Next(6))
            {
                case 0:
                    _pool.Join(Worker(id), (ulong)step + 1);
                    break;
                case 1:
                    ulong epoch = _pool.Snapshot().FirstOrDefault(s => s.Worker.WorkerId == id)?.Epoch ?? 0;
                    _pool.Report(id, epoch, new LoadReport { RunningSequences = random.Next(5) });
                    break;
                case 2 when open.Count > 0:
                    _pool.Release(open[random.Next(open.Count)]);
                    break;
                case 3:
                    _time.Advance(Interval / 4);
                    break;
                default:
                    if (_pool.Acquire(Query()) is { } placement)
                    {
                        open.Add(placement.ReservationId);
                    }

                    break;
            }

            Assert.Equal(_pool.Snapshot().Sum(state => state.ReservationCount), _pool.ReservationCount);
            Assert.All(_pool.Snapshot(), state => Assert.True(state.ReservationCount >= 0));
        }

        open.ForEach(_pool.Release);
        Assert.Equal(0, _pool.ReservationCount);
    }

    private static PlacementQuery Query() => new() { Identity = Identity, UncachedTokenCount = 10 };

    private static WorkerInfo Worker(string id) => new()
    {
        WorkerId = id,
        Role = PoolRole.Decode,
        Address = "http://127.0.0.1:1",
        Model = "demo",
        Identity = Identity,
        MaxSequences = 8,
    };
}
