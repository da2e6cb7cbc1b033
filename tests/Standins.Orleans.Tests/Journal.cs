using System.Collections.Concurrent;

namespace KvCluster.Standins.Orleans.Tests;

/// <summary>What grains did, and the gates they wait at.</summary>
public sealed class Journal
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _gates = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _marks = new();
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines];

    /// <summary>Writes a line, and completes <see cref="Written"/> for it.</summary>
    public void Write(string line)
    {
        _lines.Enqueue(line);
        Mark(line).TrySetResult();
    }

    /// <summary>Completes when the line has been written for the first time.</summary>
    public Task Written(string line) => Mark(line).Task.WaitAsync(TestSilo.Patience);

    /// <summary>Waits until the gate is opened; for ever, if nobody opens it.</summary>
    public Task Pass(string gate) => Gate(gate).Task;

    public void Open(string gate) => Gate(gate).TrySetResult();

    private TaskCompletionSource Gate(string name) => _gates.GetOrAdd(name, static _ => New());

    private TaskCompletionSource Mark(string line) => _marks.GetOrAdd(line, static _ => New());

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
