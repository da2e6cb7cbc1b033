namespace KvCluster.Gateway.Routing;

/// <summary>A member of a <see cref="WorkerPool"/> and what was placed on it and finished since its last report.</summary>
internal sealed class PoolMember(WorkerInfo worker, ulong epoch, long seenAt)
{
    public WorkerInfo Worker { get; } = worker;

    public ulong Epoch { get; } = epoch;

    public LoadReport Load { get; private set; } = LoadReport.Idle;

    public long SeenAt { get; private set; } = seenAt;

    public long JoinedAt { get; } = seenAt;

    public bool IsDraining { get; set; }

    public bool IsSuspect { get; set; }

    public int ReservationCount { get; set; }

    private long PendingTokenCount { get; set; }

    private int PendingSequenceCount { get; set; }

    /// <summary>Sequences and tokens that the last report still counts but that are finished.</summary>
    private int FinishedSequenceCount { get; set; }

    public WorkerCandidate ToCandidate() => new(
        Worker.WorkerId,
        Load.QueuedTokens + PendingTokenCount,
        Math.Max(0, Load.RunningSequences + Load.WaitingSequences - FinishedSequenceCount) + PendingSequenceCount,
        Worker.MaxSequences,
        Load.KvBytes,
        Load.KvByteBudget);

    public void Report(LoadReport load, long now)
    {
        Load = load;
        SeenAt = now;
        IsSuspect = false;
        PendingTokenCount = 0;
        PendingSequenceCount = 0;
        FinishedSequenceCount = 0;
    }

    public void Place(Reservation reservation)
    {
        ReservationCount++;
        PendingTokenCount += reservation.TokenCount;
        PendingSequenceCount++;
    }

    public void Release(Reservation reservation)
    {
        ReservationCount--;
        if (reservation.IsPending)
        {
            PendingTokenCount -= reservation.TokenCount;
            PendingSequenceCount--;
        }
        else
        {
            FinishedSequenceCount++;
        }
    }
}
