using System.Collections.Concurrent;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;

namespace KvCluster.Standins.Grpc.Tests.Serving;

/// <summary>The service of test.proto.</summary>
internal sealed class EchoService(CallRecord record) : Echo.EchoBase
{
    public override async Task<EchoReply> Say(EchoRequest request, ServerCallContext context)
    {
        if (context.RequestHeaders.GetValue("ask-headers") is { } text)
        {
            await context.WriteResponseHeadersAsync(new Metadata
            {
                { "reply-text", text },
                { "reply-bin", context.RequestHeaders.GetValueBytes("ask-bin") ?? [] },
            });
        }

        await ActAsync(request, context);
        return Reply(request, 0);
    }

    public override async Task Repeat(EchoRequest request, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        for (var i = 0; i < request.Count; i++)
        {
            await responseStream.WriteAsync(Reply(request, i));
        }

        await ActAsync(request, context);
    }

    public override async Task<EchoReply> Gather(IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        var reply = new EchoReply();
        try
        {
            await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
            {
                await ActAsync(request, context);
                reply.PayloadSizeBytes += request.Payload.Length;
                reply.Index++;
                reply.Text = request.Text;
            }
        }
        catch (OperationCanceledException)
        {
            record.Cancelled.TrySetResult();
            throw;
        }

        return reply;
    }

    public override async Task Converse(
        IAsyncStreamReader<EchoRequest> requestStream, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        var index = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await ActAsync(request, context);
            await responseStream.WriteAsync(Reply(request, index++), context.CancellationToken);
        }

        context.ResponseTrailers.Add("conversed", index.ToString());
    }

    private static EchoReply Reply(EchoRequest request, int index) => new()
    {
        Text = request.Text,
        Payload = request.Payload,
        PayloadSizeBytes = request.Payload.Length,
        Index = index,
    };

    private async Task ActAsync(EchoRequest request, ServerCallContext context)
    {
        record.Peers.Add(context.Peer);
        switch (request.Behaviour)
        {
            case Behaviour.Refuse:
                var trailers = new Metadata { { "why", "as asked" }, { "why-bin", [0, 1, 254, 255] } };
                throw new RpcException(new Status(StatusCode.InvalidArgument, request.Text), trailers);
            case Behaviour.Throw:
                throw new InvalidDataException("a secret of the server");
            case Behaviour.Wait:
                record.Waiting.TrySetResult();
                var cancelled = new TaskCompletionSource();
                await using (context.CancellationToken.Register(() => cancelled.TrySetResult()))
                {
                    await cancelled.Task;
                }

                record.Cancelled.TrySetResult();
                context.CancellationToken.ThrowIfCancellationRequested();
                break;
            case Behaviour.WaitDeaf:
                record.Waiting.TrySetResult();
                await record.Release.Task;
                break;
            case Behaviour.NoCompress:
                context.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
                break;
        }
    }
}

/// <summary>What the service of one test has seen, and how the test lets it go on.</summary>
internal sealed class CallRecord
{
    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConcurrentBag<string> Peers { get; } = [];
}
