using System.Runtime.InteropServices;

namespace KvCluster.Gateway.Routing;

/// <summary>
/// The members of one pool, their loads and the placements on them. Not thread-safe: a grain's turns guard it.
/// Invariant: a member's reservation count is the number of reservations that name it.
/// </summary>
internal sealed class WorkerPool(IRoutingPolicy policy, TimeSpan heartbeatInterval, TimeProvider time)
{
    /// <summary>
    /// Silent intervals after which a member is gone. Broken connections tell of dead workers at once; silence is for hung ones, and a machine that is
    /// busy for some seconds must not lose its workers.
    /// </summary>
    public const int SilentIntervals = 10;

    private readonly Dictionary<string, PoolMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<long, Reservation> _reservations = [];
    private long _lastReservationId;

    public int ReservationCount => _reservations.Count;

    /// <summary>Adds a worker, in place of its earlier incarnation.</summary>
    public void Join(WorkerInfo worker, ulong epoch)
    {
        Remove(worker.WorkerId);
        _members.Add(worker.WorkerId, new PoolMember(worker, epoch, time.GetTimestamp()));
    }

    /// <returns>False when the incarnation is no member (any more): it has to register again.</returns>
    public bool Report(string workerId, ulong epoch, LoadReport load)
    {
        // A late report is a report: the worker is there.
        if (Find(workerId, epoch) is not { } member)
        {
            return false;
        }

        member.Report(load, time.GetTimestamp());
        foreach (Reservation reservation in _reservations.Values)
        {
            if (reservation.WorkerId == workerId)
            {
                reservation.IsPending = false;
            }
        }

        return true;
    }

    /// <returns>False when the incarnation is no member.</returns>
    public bool Leave(string workerId, ulong epoch, bool draining)
    {
        if (Find(workerId, epoch) is not { } member)
        {
            return false;
        }

        member.IsDraining = true;
        if (!draining)
        {
            Remove(workerId);
        }

        return true;
    }

    /// <summary>A request lost the worker: it gets no work until it reports again.</summary>
    public void Suspect(string workerId, ulong epoch)
    {
        if (Find(workerId, epoch) is { } member)
        {
            member.IsSuspect = true;
        }
    }

    /// <returns>What it last reported; null when the incarnation is no member.</returns>
    public LoadReport? LoadOf(string workerId, ulong epoch)
    {
        Expire();
        return Find(workerId, epoch)?.Load;
    }

    public WorkerState[] Snapshot()
    {
        Expire();
        return [.. _members.Values.OrderBy(m => m.Worker.WorkerId, StringComparer.Ordinal).Select(member => new WorkerState
        {
            Worker = member.Worker,
            Load = member.Load,
            Epoch = member.Epoch,
            IsDraining = member.IsDraining,
            IsSuspect = member.IsSuspect,
            HeartbeatAge = time.GetElapsedTime(member.SeenAt),
            Age = time.GetElapsedTime(member.JoinedAt),
            ReservationCount = member.ReservationCount,
        })];
    }

    /// <returns>Null when no member can take the work now.</returns>
    public Placement? Acquire(PlacementQuery query)
    {
        Expire();
        List<PoolMember> usable = [.. _members.Values.Where(
            m => !m.IsDraining && !m.IsSuspect && m.Worker.Identity == query.Identity)];
        List<PoolMember> preferred = [.. usable.Where(m => !query.AvoidedWorkerIds.Contains(m.Worker.WorkerId))];
        List<PoolMember> members = preferred.Count > 0 ? preferred : usable;
        List<WorkerCandidate> candidates = [.. members.Select(m => m.ToCandidate())];
        int choice = policy.Choose(CollectionsMarshal.AsSpan(candidates), query.UncachedTokenCount);
        if (choice < 0)
        {
            return null;
        }

        PoolMember member = members[choice];
        var reservation = new Reservation(++_lastReservationId, member.Worker.WorkerId, member.Epoch, query.UncachedTokenCount);
        _reservations.Add(reservation.Id, reservation);
        member.Place(reservation);
        return new Placement { ReservationId = reservation.Id, Worker = member.Worker, Epoch = member.Epoch };
    }

    /// <summary>Gives a reservation back; one whose worker is gone is already given back.</summary>
    public void Release(long reservationId)
    {
        if (_reservations.Remove(reservationId, out Reservation? reservation))
        {
            Find(reservation.WorkerId, reservation.Epoch)?.Release(reservation);
        }
    }

    private PoolMember? Find(string workerId, ulong epoch) =>
        _members.TryGetValue(workerId, out PoolMember? member) && member.Epoch == epoch ? member : null;

    private void Expire()
    {
        TimeSpan limit = heartbeatInterval * SilentIntervals;
        foreach (PoolMember member in _members.Values.Where(m => time.GetElapsedTime(m.SeenAt) > limit).ToArray())
        {
            Remove(member.Worker.WorkerId);
        }
    }

    private void Remove(string workerId)
    {
        if (!_members.Remove(workerId))
        {
            return;
        }

        foreach (Reservation reservation in _reservations.Values.Where(r => r.WorkerId == workerId).ToArray())
        {
            _reservations.Remove(reservation.Id);
        }
    }
}
