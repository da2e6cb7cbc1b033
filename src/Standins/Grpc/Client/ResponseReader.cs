using System.Runtime.CompilerServices;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Reads response messages one at a time.</summary>
internal sealed class ResponseReader<T>(
    ClientCall call, Task<ResponseFrames?> opened, Func<DeserializationContext, T> deserializer, Action endWithTrailers)
    : IAsyncStreamReader<T>
    where T : class
{
    private readonly Task<ResponseFrames?> _opened = Observed(opened);
    private T? _current;
    private bool _hasEnded;
    private int _reading;

    public T Current => _current ?? throw new InvalidOperationException("There is no current message; MoveNext must return true first.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        call.ThrowIfDisposed();
        if (Interlocked.Exchange(ref _reading, 1) == 1)
        {
            throw new InvalidOperationException("The message before this one is still being read; await each MoveNext before the next.");
        }

        using var cancelled = call.IsForeign(cancellationToken)
            ? cancellationToken.UnsafeRegister(static state => ((ClientCall)state!).Cancel(), call)
            : default;
        try
        {
            _current = null;
            if (_hasEnded)
            {
                return false;
            }

            return await ReadAsync();
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested && call.Channel.Options.ThrowOperationCanceledOnCancellation)
        {
            throw new OperationCanceledException("Reading was cancelled.", cancellationToken);
        }
        finally
        {
            _reading = 0;
        }
    }

    /// <summary>Callers who never read must not make a failed call an unobserved exception.</summary>
    private static Task<ResponseFrames?> Observed(Task<ResponseFrames?> task)
    {
        _ = task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadAsync()
    {
        ResponseFrames? frames = null;
        try
        {
            frames = await _opened;
            if (frames is not null && !call.HasEnded)
            {
                _current = await frames.ReadAsync(deserializer, call.Token);
                if (_current is not null)
                {
                    return true;
                }

                endWithTrailers();
            }
            else if (call.FinalStatus.StatusCode != StatusCode.OK)
            {
                throw call.Failure();
            }

            _hasEnded = true;
            frames?.Release();
            return false;
        }
        catch (Exception ex)
        {
            frames?.Release();
            throw call.HasEnded ? call.Failure() : call.Fail(ex);
        }
    }
}
