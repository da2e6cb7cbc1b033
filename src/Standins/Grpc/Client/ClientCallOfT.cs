using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>A call with its messages.</summary>
internal sealed class ClientCall<TRequest, TResponse>(
    GrpcChannel channel, Method<TRequest, TResponse> method, string? host, CallOptions options)
    : ClientCall(channel, method, host, options)
    where TRequest : class
    where TResponse : class
{
    private RequestWriter<TRequest>? _requests;

    /// <summary>Serializes the only request message.</summary>
    public HttpContent StartSingle(TRequest request)
    {
        var frame = new RequestFrame(this);
        try
        {
            frame.Fill(request, method.RequestMarshaller.ContextualSerializer, Options.WriteOptions);
        }
        catch (Exception ex)
        {
            frame.Release();
            Fail(ex is RpcException ? ex : new RpcException(
                new Status(StatusCode.Internal, $"The request could not be serialized: {ex.Message}", ex)));
        }

        return new SingleMessageContent(frame);
    }

    public RequestWriter<TRequest> StartStream() =>
        _requests = new RequestWriter<TRequest>(this, method.RequestMarshaller.ContextualSerializer);

    /// <summary>Runs the call up to its only response message and its trailers.</summary>
    public async Task<TResponse> RunSingleAsync(HttpContent content)
    {
        ResponseFrames? frames = null;
        try
        {
            frames = await SendAsync(content) ?? throw new RpcException(MessageStatus.Missing);
            var response = await frames.ReadAsync(method.ResponseMarshaller.ContextualDeserializer, Token);
            if (response is not null && await frames.ReadAsync(method.ResponseMarshaller.ContextualDeserializer, Token)
                 is not null)
            {
                throw new RpcException(MessageStatus.Surplus);
            }

            EndWithTrailers(isMessageMissing: response is null);
            return response!;
        }
        catch (Exception ex) when (ex is not RpcException || !HasEnded)
        {
            throw Fail(ex);
        }
        finally
        {
            frames?.Release();
        }
    }

    public ResponseReader<TResponse> RunStream(HttpContent content) => new(
        this,
        SendAsync(content),
        method.ResponseMarshaller.ContextualDeserializer,
        () => EndWithTrailers(isMessageMissing: false));

    protected override void OnEnded() => _requests?.Stop();

    private async Task<ResponseFrames?> SendAsync(HttpContent content)
    {
        try
        {
            if (HasEnded)
            {
                throw Failure();
            }

            return await OpenAsync(content);
        }
        finally
        {
            (content as SingleMessageContent)?.Close();
        }
    }
}
