using System.Diagnostics.Metrics;
using System.Numerics;

namespace KvCluster.ServiceDefaults.Metrics;

/// <summary>
/// What the instruments of this process have measured since it started. One a process, since instruments are the process's.
/// </summary>
public sealed class MetricsRegistry : IDisposable
{
    private static readonly string[] MeterPrefixes =
        ["kvcluster", "vllm", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];

    private static readonly Lazy<MetricsRegistry> SharedRegistry = new(() => new MetricsRegistry(
        meter => MeterPrefixes.Any(prefix => meter.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))));

    private readonly Lock _lock = new();
    private readonly Lock _writeLock = new();
    private readonly MeterListener _listener = new();
    private readonly List<InstrumentRecord> _records = [];

    /// <param name="isWanted">The meters to listen to.</param>
    public MetricsRegistry(Func<Meter, bool> isWanted)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (isWanted(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument, AddRecord(instrument));
            }
        };
        _listener.MeasurementsCompleted = (_, state) => RemoveRecord(state);
        _listener.SetMeasurementEventCallback<int>(Record);
        _listener.SetMeasurementEventCallback<long>(Record);
        _listener.SetMeasurementEventCallback<float>(Record);
        _listener.SetMeasurementEventCallback<double>(Record);
        _listener.SetMeasurementEventCallback<decimal>(Record);
        _listener.Start();
    }

    /// <summary>The process's.</summary>
    public static MetricsRegistry Shared => SharedRegistry.Value;

    /// <summary>Asks the observable instruments, and writes all series in the Prometheus text format, version 0.0.4.</summary>
    public void Write(TextWriter output)
    {
        lock (_writeLock)
        {
            foreach (InstrumentRecord record in Snapshot())
            {
                record.ResetIfObservable();
            }

            _listener.RecordObservableInstruments();
            PrometheusText.Write(output, Snapshot());
        }
    }

    public void Dispose() => _listener.Dispose();

    private static void Record<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        where T : struct, INumberBase<T> => (state as InstrumentRecord)?.Record(double.CreateTruncating(value), tags);

    private InstrumentRecord[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _records];
        }
    }

    private InstrumentRecord AddRecord(Instrument instrument)
    {
        var record = new InstrumentRecord(instrument);
        lock (_lock)
        {
            _records.Add(record);
        }

        return record;
    }

    private void RemoveRecord(object? state)
    {
        lock (_lock)
        {
            if (state is InstrumentRecord record)
            {
                _records.Remove(record);
            }
        }
    }
}
