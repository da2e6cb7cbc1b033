namespace Grpc.Core;

/// <summary>What the four call objects share: headers, status, trailers and disposal, as functions of one state object.</summary>
internal readonly struct AsyncCallState(
    Func<object, Task<Metadata>> headers,
    Func<object, Status> status,
    Func<object, Metadata> trailers,
    Action<object> dispose,
    object state)
{
    public Task<Metadata> HeadersAsync => headers(state);

    public Status Status => status(state);

    public Metadata Trailers => trailers(state);

    public void Dispose() => dispose(state);

    public static AsyncCallState Of(
        Task<Metadata> headers, Func<Status> status, Func<Metadata> trailers, Action dispose) => new(
            static state => ((Parts)state).Headers,
            static state => ((Parts)state).Status(),
            static state => ((Parts)state).Trailers(),
            static state => ((Parts)state).Dispose(),
            new Parts(headers, status, trailers, dispose));

    private sealed record Parts(Task<Metadata> Headers, Func<Status> Status, Func<Metadata> Trailers, Action Dispose);
}
