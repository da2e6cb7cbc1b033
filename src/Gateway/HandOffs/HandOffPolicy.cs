namespace KvCluster.Gateway.HandOffs;

/// <summary>
/// Chooses the way of each hand-over by what the last ones took: both in turn until there is something to compare, then the one with the
/// lower median, and the other for a small share of prompts, so that a change is noticed. Thread-safe.
/// </summary>
/// <param name="time">Hand-overs are forgotten after <see cref="MaxAge"/>.</param>
/// <param name="random">Chooses the prompts of the other way.</param>
internal sealed class HandOffPolicy(TimeProvider time, Random random)
{
    /// <summary>Hand-overs of each way that are compared: one that was held up by something else does not move the median.</summary>
    public const int WindowLength = 15;

    /// <summary>Hand-overs of each way before they are compared.</summary>
    public const int MinCount = 3;

    /// <summary>Share of the prompts that go the slower way. It begins greater and falls as both are measured: the first ones of a way find it cold.</summary>
    public const double TrialShare = 1.0 / 16;

    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<HandOffClass, Record> _records = [];

    public HandOffChoice Choose(HandOffClass what)
    {
        lock (_gate)
        {
            Record record = RecordOf(what);
            Forget(record);
            int fewest = Math.Min(record.Of(HandOffWay.Store).Count, record.Of(HandOffWay.Direct).Count);
            if (fewest < MinCount)
            {
                return new HandOffChoice((HandOffWay)(record.TrialCount++ % 2), IsTrial: true);
            }

            HandOffWay faster = MedianTime(record.Of(HandOffWay.Direct)) < MedianTime(record.Of(HandOffWay.Store)) ? HandOffWay.Direct : HandOffWay.Store;
            bool isTrial = random.NextDouble() < Math.Max(TrialShare, 1.0 / (2 + fewest));
            return new HandOffChoice(isTrial ? 1 - faster : faster, isTrial);
        }
    }

    /// <param name="what">The prompt.</param>
    /// <param name="way">The way that was chosen, also when it failed and the prompt came another way.</param>
    /// <param name="elapsed">From the end of prefill to the first decoded token.</param>
    /// <param name="bytes">Slabs that the decode worker took in.</param>
    public void Add(HandOffClass what, HandOffWay way, TimeSpan elapsed, long bytes)
    {
        lock (_gate)
        {
            Queue<Sample> samples = RecordOf(what).Of(way);
            samples.Enqueue(new Sample(time.GetTimestamp(), elapsed, bytes));
            if (samples.Count > WindowLength)
            {
                samples.Dequeue();
            }
        }
    }

    /// <summary>Both ways of every class that was measured.</summary>
    public HandOffStanding[] Standings()
    {
        lock (_gate)
        {
            return [.. _records.SelectMany(record => Enum.GetValues<HandOffWay>().Select(way => StandingOf(record.Key, way, record.Value)))];
        }
    }

    private HandOffStanding StandingOf(HandOffClass what, HandOffWay way, Record record)
    {
        Forget(record);
        Queue<Sample> samples = record.Of(way);
        return new HandOffStanding(what, way, samples.Count, MedianTime(samples), Median(samples, sample => sample.Bytes));
    }

    private Record RecordOf(HandOffClass what)
    {
        if (!_records.TryGetValue(what, out Record? record))
        {
            record = new Record();
            _records.Add(what, record);
        }

        return record;
    }

    private void Forget(Record record)
    {
        foreach (Queue<Sample> samples in record.Samples)
        {
            while (samples.TryPeek(out Sample oldest) && time.GetElapsedTime(oldest.At) > MaxAge)
            {
                samples.Dequeue();
            }
        }
    }

    private static TimeSpan MedianTime(Queue<Sample> samples) => Median(samples, sample => sample.Elapsed);

    private static T? Median<T>(Queue<Sample> samples, Func<Sample, T> select)
    {
        T[] ordered = [.. samples.Select(select).Order()];
        return ordered.Length == 0 ? default : ordered[ordered.Length / 2];
    }

    private readonly record struct Sample(long At, TimeSpan Elapsed, long Bytes);

    private sealed class Record
    {
        public Queue<Sample>[] Samples { get; } = [new(), new()];

        /// <summary>Choices made before there was something to compare.</summary>
        public int TrialCount { get; set; }

        public Queue<Sample> Of(HandOffWay way) => Samples[(int)way];
    }
}
