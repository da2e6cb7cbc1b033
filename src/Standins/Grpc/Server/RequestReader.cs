using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>Takes messages out of the request pipe; payloads are deserialized where they lie.</summary>
internal sealed class RequestReader<T>(ServerCall call, Func<DeserializationContext, T> deserializer) : IAsyncStreamReader<T>
    where T : class
{
    private readonly PipeReader _body = call.HttpContext.Request.BodyReader;
    private FrameBuffer? _unpacked;
    private T? _current;
    private int _reading;

    public T Current => _current ?? throw new InvalidOperationException("There is no current message; MoveNext must return true first.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _reading, 1) == 1)
        {
            throw new InvalidOperationException("The message before this one is still being read; await each MoveNext before the next.");
        }

        try
        {
            _current = null;
            _current = await ReadAsync(cancellationToken);
            return _current is not null;
        }
        finally
        {
            _reading = 0;
        }
    }

    /// <summary>Reads the only message of a call and makes sure that none follows.</summary>
    public async ValueTask<T> ReadSingleAsync()
    {
        var message = await ReadAsync(default) ?? throw new RpcException(MessageStatus.Missing);
        var rest = await ReadBodyAsync(call.CancellationToken);
        var isSurplus = !rest.Buffer.IsEmpty;
        Advance(rest.Buffer.End, rest.Buffer.End);
        return isSurplus ? throw new RpcException(MessageStatus.Surplus) : message;
    }

    /// <summary>Null at the end of the stream.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<T?> ReadAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled && cancellationToken != call.CancellationToken)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, call.CancellationToken);
            return await ReadCoreAsync(both.Token);
        }

        return await ReadCoreAsync(call.CancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<T?> ReadCoreAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await ReadBodyAsync(cancellationToken);
            var buffer = result.Buffer;
            var isWhole = false;
            try
            {
                isWhole = TryTake(ref buffer, out var message);
                if (isWhole)
                {
                    return message;
                }

                if (result.IsCompleted)
                {
                    return buffer.IsEmpty ? null : throw new RpcException(MessageStatus.Truncated);
                }

                if (result.IsCanceled)
                {
                    throw new OperationCanceledException("Reading the request was cancelled.");
                }
            }
            finally
            {
                Advance(buffer.Start, isWhole ? buffer.Start : buffer.End);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadBodyAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _body.ReadAsync(cancellationToken);
        }
        catch (IOException)
        {
            call.NoteClientGone();
            throw;
        }
    }

    /// <summary>
    /// Leaves a message behind. A pipe whose request was aborted meanwhile throws, and so would the message be lost that was made of it, with what it
    /// owns: it is handed over all the same, and the next read says what happened.
    /// </summary>
    private void Advance(SequencePosition consumed, SequencePosition examined)
    {
        try
        {
            _body.AdvanceTo(consumed, examined);
        }
        catch (Exception ex) when (ex is OperationCanceledException or IOException)
        {
            // Reads after this one throw the same.
            call.NoteClientGone();
        }
    }

    private bool TryTake(ref ReadOnlySequence<byte> buffer, out T? message)
    {
        message = null;
        var maxSize = call.Settings.MaxReceiveMessageSize;
        if (!FrameHeader.TryRead(buffer, maxSize, out var header)
            || buffer.Length < WireNames.FrameHeaderSize + (long)header.PayloadLength)
        {
            return false;
        }

        var payload = buffer.Slice(WireNames.FrameHeaderSize, header.PayloadLength);
        message = header.IsCompressed ? Unpack(payload, maxSize) : call.Payload.Deserialize(payload, deserializer);
        buffer = buffer.Slice(payload.End);
        return true;
    }

    private T Unpack(in ReadOnlySequence<byte> payload, int? maxSize)
    {
        _unpacked ??= new FrameBuffer();
        _unpacked.Reset();
        using var source = new SequenceStream(payload);
        call.Settings.Encodings.Decompress(call.RequestEncoding, source, _unpacked, maxSize);
        return call.Payload.Deserialize(new ReadOnlySequence<byte>(_unpacked.Payload), deserializer);
    }

    /// <summary>Hands rented buffers back, at the end of the call.</summary>
    public void Release() => _unpacked?.Release();
}
