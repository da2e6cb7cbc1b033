using Grpc.Core;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Requests;

public sealed class MembershipTests
{
    [Fact]
    public async Task Register_Again_EpochRisesAndOldOneIsUnknown()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 1, decode: 0);
        TestWorker worker = cluster.Prefill[0];
        await worker.FallSilentAsync();
        ulong before = worker.Epoch;
        await worker.RegisterAsync();
        Assert.True(worker.Epoch > before);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Members.HeartbeatAsync(
            new HeartbeatRequest { WorkerId = worker.WorkerId, Epoch = before }, cancellationToken: Timeouts.Token()));
        Assert.Equal(StatusCode.NotFound, e.StatusCode);
    }

    [Fact]
    public async Task Register_AtANewGateway_EpochStillRises()
    {
        ulong before;
        await using (TestCluster first = await TestCluster.StartAsync(prefill: 1, decode: 0, store: false))
        {
            before = first.Prefill[0].Epoch;
        }

        await using TestCluster second = await TestCluster.StartAsync(prefill: 1, decode: 0, store: false);
        Assert.True(second.Prefill[0].Epoch > before);
    }

    [Fact]
    public async Task Heartbeat_UnknownWorker_NotFound()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0, store: false);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Members.HeartbeatAsync(
            new HeartbeatRequest { WorkerId = "nobody", Epoch = 1 }, cancellationToken: Timeouts.Token()));
        Assert.Equal(StatusCode.NotFound, e.StatusCode);
    }

    [Fact]
    public async Task Register_WithStore_TellsItsAddress()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0);
        RegisterReply reply = await cluster.Members.RegisterAsync(new RegisterRequest
        {
            Worker = new WorkerDescription { WorkerId = "w", Role = WorkerRole.Decode, Model = "demo", Address = "http://127.0.0.1:1" },
        }, cancellationToken: Timeouts.Token());
        Assert.Single(reply.KvstoreAddresses);
        Assert.Equal(2000, reply.HeartbeatIntervalMs);
    }

    [Fact]
    public async Task Register_BadDescription_InvalidArgumentNamesField()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 0, decode: 0, store: false);
        foreach ((string field, WorkerDescription worker) in new (string, WorkerDescription)[]
        {
            ("worker.worker_id", new WorkerDescription()),
            ("worker.role", new WorkerDescription { WorkerId = "w" }),
            ("worker.address", new WorkerDescription { WorkerId = "w", Role = WorkerRole.Decode, Address = "nowhere" }),
            ("worker.model", new WorkerDescription { WorkerId = "w", Role = WorkerRole.Decode, Address = "http://a:1" }),
        })
        {
            RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Members.RegisterAsync(
                new RegisterRequest { Worker = worker }, cancellationToken: Timeouts.Token()));
            Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
            Assert.StartsWith(field, e.Status.Detail);
        }
    }

    [Fact]
    public async Task ListModels_BothPools_ModelWithCounts()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(prefill: 1, decode: 2);
        ListModelsReply reply = await cluster.Client.ListModelsAsync(new ListModelsRequest(), cancellationToken: Timeouts.Token());
        Model model = Assert.Single(reply.Models);
        Assert.Equal(("demo", 1, 2, "int4"), (model.Name, model.PrefillWorkerCount, model.DecodeWorkerCount, model.KvSpec));
        Assert.Equal(Script.ModelFingerprint, model.ModelFingerprint);
    }

    [Fact]
    public async Task Deregister_LastDecodeWorker_ModelIsGone()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestWorker worker = cluster.Decode[0];
        await worker.FallSilentAsync();
        await cluster.Members.DeregisterAsync(
            new DeregisterRequest { WorkerId = worker.WorkerId, Epoch = worker.Epoch, Draining = true }, cancellationToken: Timeouts.Token());
        ListModelsReply reply = await cluster.Client.ListModelsAsync(new ListModelsRequest(), cancellationToken: Timeouts.Token());
        Assert.Empty(reply.Models);
    }
}
