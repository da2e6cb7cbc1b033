using System.Collections.Concurrent;

namespace KvCluster.Standins.Grpc.Tests.Serving;

/// <summary>What the service of one test has seen, and how the test lets it go on.</summary>
internal sealed class CallRecord
{
    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConcurrentBag<string> Peers { get; } = [];
}
