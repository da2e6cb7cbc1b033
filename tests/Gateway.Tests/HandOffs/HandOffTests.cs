using KvCluster.Gateway.HandOffs;
using KvCluster.Gateway.Tests.Workers;
using KvCluster.V1;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Gateway.Tests.HandOffs;

/// <summary>Both workers are told of a direct hand-over, nobody of one through the store, and the way's time is taken.</summary>
public sealed class HandOffTests
{
    [Fact]
    public async Task Generate_Store_TellsNobodyAndMeasures()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();

        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 5));

        Assert.True(Assert.Single(cluster.Decode[0].Behavior.Decodes).HandOverId.IsEmpty);
        PrefillRequest prefill = Assert.Single(cluster.Prefill[0].Behavior.Prefills);
        Assert.True(prefill.HandOverId.IsEmpty && prefill.DirectAddress.Length == 0);
        Assert.Equal((HandOffWay.Store, 1, 900L), Measured(cluster));
    }

    [Fact]
    public async Task Generate_Direct_TellsBothWorkersTheSameAndMeasures()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.HandOff = HandOffMode.Direct);

        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(), 5));
        await cluster.AllAsync(TestCluster.Request(cluster.Prompt(seed: 2), 5));

        DecodeStart[] decodes = [.. cluster.Decode[0].Behavior.Decodes];
        PrefillRequest[] prefills = [.. cluster.Prefill[0].Behavior.Prefills];
        Assert.Equal(decodes.Select(start => start.HandOverId), prefills.Select(request => request.HandOverId));
        Assert.Equal(16, decodes[0].HandOverId.Length);
        Assert.NotEqual(decodes[0].HandOverId, decodes[1].HandOverId);
        Assert.All(prefills, request => Assert.Equal(cluster.Decode[0].Address, request.DirectAddress));
        Assert.Equal((HandOffWay.Direct, 2, 900L), Measured(cluster));
    }

    [Fact]
    public async Task Generate_DecodeWorkerLostInADirectHandOver_TheNextReadsFromTheStore()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(decode: 2, configure: options => options.HandOff = HandOffMode.Direct);
        foreach (TestWorker worker in cluster.Decode)
        {
            (worker.Behavior.Fault, worker.Behavior.FaultAfterTokens) = (WorkerFault.Die, 0);
        }

        int[] prompt = cluster.Prompt();
        Task<List<GenerateReply>> running = cluster.AllAsync(TestCluster.Request(prompt, 5));
        await Timeouts.UntilAsync(() => Task.FromResult(cluster.Decode.Any(worker => !worker.Behavior.Decodes.IsEmpty)), "one was called");
        cluster.Decode.ForEach(worker => worker.Behavior.Fault = WorkerFault.None);
        Assert.Equal(cluster.Script.Continue(prompt, 5), (await running).TokenIds());

        DecodeStart[] decodes = [.. cluster.Decode.SelectMany(worker => worker.Behavior.Decodes)];
        Assert.Single(decodes, start => !start.HandOverId.IsEmpty);
        Assert.Contains(decodes, start => start.HandOverId.IsEmpty);
    }

    [Fact]
    public async Task Generate_Auto_TriesBothWays()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(configure: options => options.HandOff = HandOffMode.Auto);

        for (int i = 0; i < 4; i++)
        {
            await cluster.AllAsync(TestCluster.Request(cluster.Prompt(seed: i), 3));
        }

        Assert.Equal(2, cluster.Decode[0].Behavior.Decodes.Count(start => start.HandOverId.IsEmpty));
        string metrics = await cluster.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), Timeouts.Token());
        Assert.Contains("kvcluster_gateway_handoff_median", metrics, StringComparison.Ordinal);
    }

    private static (HandOffWay Way, int Count, long Bytes) Measured(TestCluster cluster)
    {
        HandOffStanding standing = cluster.Services.GetRequiredService<HandOffPolicy>().Standings().Single(standing => standing.Count > 0);
        return (standing.Way, standing.Count, standing.MedianBytes);
    }
}
