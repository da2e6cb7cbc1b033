using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Inference.Engine;
using KvCluster.PrefillWorker;
using KvCluster.Protocol;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;

namespace KvCluster.Workers.Tests;

/// <summary>A prefill worker of a test cluster, called as the Gateway calls it.</summary>
internal sealed class PrefillClient(TestCluster cluster, WebApplication app, Prefill.PrefillClient client)
{
    public WebApplication App => app;

    public Prefill.PrefillClient Client => client;

    public static async Task<PrefillClient> StartAsync(TestCluster cluster, Action<PrefillWorkerOptions>? configure = null)
    {
        var options = new PrefillWorkerOptions
        {
            ListenAddress = "http://127.0.0.1:0",
            GatewayAddress = cluster.GatewayAddress,
            ModelFolder = TestModel.Folder,
            KvSpec = cluster.Model.Codec.Spec,
            WorkerId = "prefill-test",
        };
        configure?.Invoke(options);
        var app = PrefillWorkerHost.Create(options);
        GrpcChannel channel = await cluster.StartAsync(app);
        return new PrefillClient(cluster, app, new Prefill.PrefillClient(channel));
    }

    public PrefillRequest Request(int[] prompt, int cachedBlockCount = 0, Sampling? sampling = null)
    {
        SequenceBlocks blocks = TestModel.Blocks(cluster.Model, prompt);
        return new PrefillRequest
        {
            RequestId = "test",
            TokenIds = { prompt },
            BlockIds = { blocks.BlockIds.ToByteStrings() },
            TailId = blocks.TailId?.ToByteString() ?? Google.Protobuf.ByteString.Empty,
            CachedBlockCount = cachedBlockCount,
            Sampling = sampling ?? new Sampling { Temperature = 0 },
            Seed = 1,
            ModelFingerprint = cluster.Model.Fingerprint,
            CodecFingerprint = cluster.Model.Codec.Fingerprint,
        };
    }

    public async Task<(PrefillFirstToken FirstToken, PrefillDone Done)> RunAsync(PrefillRequest request)
    {
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = client.Prefill(request, cancellationToken: patience.Token);
        Assert.True(await call.ResponseStream.MoveNext(patience.Token));
        var firstToken = call.ResponseStream.Current.FirstToken;
        Assert.NotNull(firstToken);
        Assert.True(await call.ResponseStream.MoveNext(patience.Token));
        var done = call.ResponseStream.Current.Done;
        Assert.NotNull(done);
        Assert.False(await call.ResponseStream.MoveNext(patience.Token));
        return (firstToken, done);
    }

    public async Task<Status> FailAsync(PrefillRequest request) =>
        (await Assert.ThrowsAsync<RpcException>(() => RunAsync(request))).Status;
}
