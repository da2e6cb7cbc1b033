using Grpc.Core;
using KvCluster.Inference.Engine;
using KvCluster.Protocol;
using KvCluster.V1;
using KvCluster.Workers.Tests;
using Microsoft.AspNetCore.Builder;

namespace KvCluster.DecodeWorker.Tests;

/// <summary>A decode worker of a test cluster, called as the Gateway calls it.</summary>
internal sealed class DecodeClient(TestCluster cluster, WebApplication app, Decode.DecodeClient client)
{
    public WebApplication App => app;

    public static async Task<DecodeClient> StartAsync(TestCluster cluster, Action<DecodeWorkerOptions>? configure = null)
    {
        var options = new DecodeWorkerOptions
        {
            ListenAddress = "http://127.0.0.1:0",
            GatewayAddress = cluster.GatewayAddress,
            ModelFolder = TestModel.Folder,
            KvSpec = cluster.Model.Codec.Spec,
            WorkerId = "decode-test",
        };
        configure?.Invoke(options);
        var app = DecodeWorkerHost.Create(options);
        return new DecodeClient(cluster, app, new Decode.DecodeClient(await cluster.StartAsync(app)));
    }

    public DecodeStart Start(int[] tokenIds, int maxTokens, int? promptTokenCount = null, bool isLocal = false, Sampling? sampling = null)
    {
        SequenceBlocks blocks = TestModel.Blocks(cluster.Model, tokenIds);
        var start = new DecodeStart
        {
            RequestId = "test",
            TokenIds = { tokenIds },
            PromptTokenCount = promptTokenCount ?? tokenIds.Length,
            BlockIds = { blocks.BlockIds.ToByteStrings() },
            LocalPrefill = isLocal,
            Sampling = sampling?.Clone() ?? new Sampling { Temperature = 0 },
            Seed = 1,
            ModelFingerprint = cluster.Model.Fingerprint,
            CodecFingerprint = cluster.Model.Codec.Fingerprint,
        };
        start.Sampling.MaxTokens = maxTokens;
        if (!isLocal && blocks.TailId is { } tailId)
        {
            start.TailId = tailId.ToByteString();
        }

        return start;
    }

    public AsyncDuplexStreamingCall<DecodeCommand, DecodeEvent> Call(CancellationToken cancellationToken) =>
        client.Decode(cancellationToken: cancellationToken);

    /// <summary>Without a prefill worker.</summary>
    public async Task<DecodeAnswer> RunLocalAsync(DecodeStart start)
    {
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = Call(patience.Token);
        await call.RequestStream.WriteAsync(new DecodeCommand { Start = start });
        return await DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);
    }

    /// <summary>With a prefill worker, both called at once.</summary>
    public async Task<DecodeAnswer> RunAsync(PrefillClient prefill, int[] prompt, int maxTokens, int cachedBlockCount = 0, Sampling? sampling = null)
    {
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        using var call = Call(patience.Token);
        var start = Start(prompt, maxTokens, sampling: sampling);
        start.CachedBlockCount = cachedBlockCount;
        await call.RequestStream.WriteAsync(new DecodeCommand { Start = start });
        var reading = DecodeAnswer.ReadAsync(call.ResponseStream, patience.Token);
        var request = prefill.Request(prompt, cachedBlockCount, start.Sampling);
        using var prefillCall = prefill.Client.Prefill(request, cancellationToken: patience.Token);
        var firstToken = -1;
        while (await prefillCall.ResponseStream.MoveNext(patience.Token))
        {
            if (prefillCall.ResponseStream.Current.FirstToken is { } first)
            {
                firstToken = first.TokenId;
                await call.RequestStream.WriteAsync(new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = firstToken } });
            }
            else
            {
                await call.RequestStream.WriteAsync(new DecodeCommand { PrefillDone = new DecodePrefillDone() });
            }
        }

        var answer = await reading;
        return answer with { TokenIds = [firstToken, .. answer.TokenIds] };
    }

    public async Task<Status> FailAsync(DecodeStart start) => (await Assert.ThrowsAsync<RpcException>(() => RunLocalAsync(start))).Status;
}
