using System.Collections.Concurrent;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>What a test worker does and what it has seen.</summary>
internal sealed class WorkerBehavior(Script script)
{
    private int _activeCallCount;

    public Script Script { get; } = script;

    public WorkerFault Fault { get; set; }

    /// <summary>Tokens sent before the fault.</summary>
    public int FaultAfterTokens { get; set; }

    /// <summary>When set, DecodeReady and decoding, or the first token of prefill, wait for it.</summary>
    public TaskCompletionSource? ReadyGate { get; set; }

    /// <summary>When set, each decoded token after the first waits for one release.</summary>
    public SemaphoreSlim? TokenGate { get; set; }

    public bool AddsLogprobs { get; set; }

    public ConcurrentQueue<PrefillRequest> Prefills { get; } = new();

    public ConcurrentQueue<DecodeStart> Decodes { get; } = new();

    public ConcurrentQueue<DecodePrefillDone> PrefillDones { get; } = new();

    /// <summary>What heartbeats say of prompt tokens to compute; null: always none.</summary>
    public Func<long>? QueuedTokens { get; set; }

    public int ActiveCallCount => Volatile.Read(ref _activeCallCount);

    public void Enter() => Interlocked.Increment(ref _activeCallCount);

    public void Leave() => Interlocked.Decrement(ref _activeCallCount);
}
