using Grpc.Core;
using KvCluster.Inference.Engine;
using KvCluster.Protocol;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using KvCluster.Workers.Tests;
using Microsoft.AspNetCore.Builder;

namespace KvCluster.DecodeWorker.Tests;

/// <summary>A decode worker of a test cluster, called as the Gateway calls it.</summary>
internal sealed class DecodeClient(TestCluster cluster, WebApplication app, Decode.DecodeClient client)
{
    public WebApplication App => app;

    public string Address => ServiceHost.Addresses(app.Services)[0];

    public static async Task<DecodeClient> StartAsync(
        TestCluster cluster, Action<DecodeWorkerOptions>? configure = null, Func<DecodeWorkerOptions, WebApplication>? create = null)
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
        var app = create is null ? DecodeWorkerHost.Create(options) : create(options);
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
    public async Task<DecodeAnswer> RunAsync(PrefillClient prefill, int[] prompt, int maxTokens, int cachedBlockCount = 0, Sampling? sampling = null, bool isDirect = false)
    {
        using var patience = new CancellationTokenSource(TestCluster.Patience);
        return await RunAsync(prefill, StartWith(prompt, maxTokens, cachedBlockCount, sampling, isDirect), patience.Token, patience.Token);
    }

    /// <summary>For a prefill worker, which puts what it computes straight here when <paramref name="isDirect"/>.</summary>
    public DecodeStart StartWith(int[] prompt, int maxTokens, int cachedBlockCount = 0, Sampling? sampling = null, bool isDirect = false)
    {
        var start = Start(prompt, maxTokens, sampling: sampling);
        start.CachedBlockCount = cachedBlockCount;
        start.HandOverId = isDirect ? Google.Protobuf.ByteString.CopyFrom(Guid.NewGuid().ToByteArray()) : start.HandOverId;
        return start;
    }

    /// <summary>What the prefill worker is to be asked, to go with a start.</summary>
    public PrefillRequest RequestFor(PrefillClient prefill, DecodeStart start)
    {
        var request = prefill.Request([.. start.TokenIds], start.CachedBlockCount, start.Sampling);
        request.DirectAddress = start.HandOverId.IsEmpty ? "" : Address;
        request.HandOverId = start.HandOverId;
        return request;
    }

    /// <summary>The Gateway's part. A prefill that is cancelled, or fails, has ended for the decode worker too.</summary>
    public async Task<DecodeAnswer> RunAsync(PrefillClient prefill, DecodeStart start, CancellationToken prefillToken, CancellationToken cancellationToken)
    {
        using var call = Call(cancellationToken);
        await call.RequestStream.WriteAsync(new DecodeCommand { Start = start });
        var reading = DecodeAnswer.ReadAsync(call.ResponseStream, cancellationToken);
        int? firstToken = null;
        try
        {
            using var prefillCall = prefill.Client.Prefill(RequestFor(prefill, start), cancellationToken: prefillToken);
            while (await prefillCall.ResponseStream.MoveNext(prefillToken))
            {
                if (prefillCall.ResponseStream.Current.FirstToken is { } first)
                {
                    firstToken = first.TokenId;
                    await call.RequestStream.WriteAsync(new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = first.TokenId } });
                }
            }
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // Lost: the decode worker goes on without it.
        }

        try
        {
            await call.RequestStream.WriteAsync(new DecodeCommand { PrefillDone = new DecodePrefillDone { Failed = firstToken is null } });
        }
        catch (RpcException)
        {
            // The answer may be whole before prefill has put everything; if it is not, reading it says why.
        }

        var answer = await reading;
        return firstToken is { } token ? answer with { TokenIds = [token, .. answer.TokenIds] } : answer;
    }

    public async Task<Status> FailAsync(DecodeStart start) => (await Assert.ThrowsAsync<RpcException>(() => RunLocalAsync(start))).Status;
}
