using Orleans.Runtime;

namespace Orleans.Enumeration;

/// <summary>An enumeration of a grain, as callers hold it. Each enumerator calls the method anew.</summary>
internal sealed class GrainEnumerable<T>(GrainReference target, EnumerableCall<T> call) : IAsyncEnumerable<T>
{
    private readonly CancellationToken _argument = call.Token;

    public int MaxBatchSize { get; set; } = 100;

    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        new GrainEnumerator<T>(target, call, MaxBatchSize, _argument, cancellationToken);
}
