using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.KvStore.Grpc;
using KvCluster.Protocol;
using KvCluster.ServiceDefaults;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.KvStore.Tests;

/// <summary>The Put of a real store over a real server, whose caller goes away each time while a frame is being made of what has come.</summary>
[BindServiceMethod(typeof(CutShard), nameof(BindService))]
internal sealed class CutShard(KvStoreCalls calls)
{
    private static readonly AsyncLocal<CutShard?> Current = new();
    private static readonly Method<Protocol.SlabFrame, PutReply> PutMethod = new(
        MethodType.ClientStreaming,
        "kvcluster.tests.CutShard",
        nameof(Put),
        new Marshaller<Protocol.SlabFrame>(SlabFrameMarshaller.Instance.ContextualSerializer, Deserialize),
        Marshallers.Create(static reply => reply.ToByteArray(), PutReply.Parser.ParseFrom));

    private readonly TaskCompletionSource _hasFrame = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _hasEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HttpContext? _http;

    public static void BindService(ServiceBinderBase binder, CutShard? shard) =>
        binder.AddMethod(PutMethod, shard is null ? null : new ClientStreamingServerMethod<Protocol.SlabFrame, PutReply>(shard.Put));

    /// <summary>Puts one frame, goes away while it is read, and returns when the store has ended the Put.</summary>
    public static async Task PutAndCutAsync(TestStore store, Protocol.SlabFrame frame)
    {
        var shard = new CutShard(store.Services.GetRequiredService<KvStoreCalls>());
        WebApplicationBuilder builder = ServiceHost.CreateBuilder(
            [], new Dictionary<string, string?> { ["Logging:LogLevel:Default"] = "None" }, isEmbedded: true);
        builder.AddServiceDefaults("cut-test").ListenForGrpc(ListenAddress.Parse("http://127.0.0.1:0"));
        builder.Services.AddSingleton(shard);
        await using WebApplication app = builder.Build();
        app.MapGrpcService<CutShard>();
        await ServiceHost.StartAsync(app).Soon();
        using GrpcChannel channel = GrpcChannels.Create(ServiceHost.Addresses(app.Services)[0]);
        using (AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> call = channel.CreateCallInvoker().AsyncClientStreamingCall(PutMethod, null, default))
        {
            await call.RequestStream.WriteAsync(frame).Soon();
            await shard._hasFrame.Task.Soon();
        }

        await shard._hasEnded.Task.Soon();
        await app.StopAsync().Soon();
    }

    public async Task<PutReply> Put(IAsyncStreamReader<Protocol.SlabFrame> frames, ServerCallContext context)
    {
        _http = context.GetHttpContext();
        Current.Value = this;
        try
        {
            return await calls.PutAsync(frames, context.CancellationToken);
        }
        finally
        {
            _hasEnded.SetResult();
        }
    }

    private static Protocol.SlabFrame Deserialize(DeserializationContext context)
    {
        Protocol.SlabFrame frame = SlabFrameMarshaller.Instance.ContextualDeserializer(context);
        Current.Value!._hasFrame.SetResult();
        Assert.True(SpinWait.SpinUntil(Current.Value.IsCut, TimeSpan.FromSeconds(60)));
        return frame;
    }

    /// <summary>Whether the server knows that the caller is gone, and its pipe does too.</summary>
    private bool IsCut()
    {
        if (!_http!.RequestAborted.IsCancellationRequested)
        {
            return false;
        }

        try
        {
            _http.Request.BodyReader.TryRead(out _);
            return false;
        }
        catch (InvalidOperationException)
        {
            // What was read last is still being looked at, and may be.
            return false;
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            return true;
        }
    }
}
