using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>
/// How long a prompt's KV takes from prefill to decode over a link of given speed, through the whole cluster: layer by layer as the cluster does it, through the
/// store or straight, and the whole cache after prefill as others do.
/// </summary>
internal sealed class HandoverBenchmark(HandoverBenchOptions options, IProgress<string> progress)
{
    private const int QuestionTokenCount = 16;
    private const int MostWarmRounds = 50;
    private readonly Random _random = new(1);

    /// <param name="kvSpec">The codec.</param>
    /// <param name="handOff">The way, or that the Gateway is to find the faster one.</param>
    /// <param name="wholeAfterPrefill">Nothing passes the link before the prompt is done.</param>
    /// <param name="roundCount">Prompts that are measured.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<HandoverTiming> MeasureAsync(string kvSpec, HandOffMode handOff, bool wholeAfterPrefill, int roundCount, CancellationToken cancellationToken)
    {
        (int storePort, int decodePort) = (FreePort(), FreePort());

        // What leaves the prefill worker shares its interface: the slabs for the decode worker and those for the store behind.
        using SharedSpeed sent = Speed(), fromStore = Speed(), fromDecode = Speed();
        await using var storeLink = new ShapedLink(storePort, sent, fromStore);
        await using var decodeLink = new ShapedLink(decodePort, sent, fromDecode);
        ClusterOptions cluster = Cluster(kvSpec) with
        {
            HandOff = handOff,
            StoreSlabPort = storePort,
            StoreAdvertisedSlabPort = storeLink.Port,
            DecodeSlabPort = decodePort,
            DecodeAdvertisedSlabPort = decodeLink.Port,
        };
        await using EmbeddedCluster running = await EmbeddedCluster.StartAsync(cluster, cancellationToken);
        await using Connection connection = await Connection.OpenAsync(running.GrpcAddress, cluster, cancellationToken);
        ShapedLink[] links = handOff == HandOffMode.Store ? [storeLink] : [storeLink, decodeLink];
        await WarmAsync(connection, links, cancellationToken);
        var timings = new List<HandoverTiming>();
        for (int round = 1; round <= roundCount; round++)
        {
            progress.Report($"{kvSpec}, {handOff}{(wholeAfterPrefill ? ", whole cache after prefill" : "")}, {round} of {roundCount}");
            timings.Add(await AskAsync(connection, Prompt(options.PromptTokenCount), links, wholeAfterPrefill ? storeLink : null, cancellationToken));
        }

        return Median(timings) with { DirectCount = timings.Sum(timing => timing.DirectCount) };
    }

    /// <summary>Time to first token of a prompt that nobody knows, and of one whose beginning is cached, without any link between.</summary>
    public async Task<(double ColdMs, double WarmMs)> MeasureWarmAsync(CancellationToken cancellationToken)
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(Cluster(options.KvSpec), cancellationToken);
        await using Connection connection = await Connection.OpenAsync(cluster.GrpcAddress, Cluster(options.KvSpec), cancellationToken);
        var cold = new List<HandoverTiming>();
        var warm = new List<HandoverTiming>();
        for (int round = 0; round <= options.RoundCount; round++)
        {
            progress.Report($"{options.KvSpec}, warm prefix, {round} of {options.RoundCount}");
            int[] prefix = Prompt(options.PromptTokenCount);
            HandoverTiming first = await AskAsync(connection, [.. prefix, .. Prompt(QuestionTokenCount)], [], null, cancellationToken);
            HandoverTiming second = await AskAsync(connection, [.. prefix, .. Prompt(QuestionTokenCount)], [], null, cancellationToken);
            if (round > 0)
            {
                cold.Add(first);
                warm.Add(second);
            }
        }

        return (Median(cold).FirstTokenMs, Median(warm).FirstTokenMs);
    }

    /// <summary>Compiles, and opens the connections through the links: until they are there, calls go around them over gRPC.</summary>
    private async Task WarmAsync(Connection connection, ShapedLink[] links, CancellationToken cancellationToken)
    {
        long last = 0;
        for (int i = 0; i < MostWarmRounds; i++)
        {
            HandoverTiming timing = await AskAsync(connection, Prompt(options.PromptTokenCount / 4), links, null, cancellationToken);
            if (i > 1 && links.All(link => link.ByteCount > 0) && Math.Abs(timing.LinkBytes - last) < timing.LinkBytes / 20)
            {
                return;
            }

            last = timing.LinkBytes;
        }

        throw new InvalidOperationException("the workers do not find the way over the link");
    }

    private static async Task<HandoverTiming> AskAsync(Connection connection, int[] prompt, ShapedLink[] links, ShapedLink? held, CancellationToken cancellationToken)
    {
        long before = links.Sum(link => link.ByteCount);
        var request = new V1.GenerateRequest
        {
            TokenIds = new V1.TokenIds(),
            Sampling = new V1.Sampling { Temperature = 0, MaxTokens = 3, IgnoreEos = true },
        };
        request.TokenIds.Ids.AddRange(prompt);
        held?.Hold();
        try
        {
            var at = new List<TimeSpan>();
            V1.Usage? usage = null;
            var clock = Stopwatch.StartNew();
            using AsyncServerStreamingCall<V1.GenerateReply> call = connection.Inference.Generate(request, cancellationToken: cancellationToken);
            await foreach (V1.GenerateReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                if (reply.TokenIds.Count > 0)
                {
                    at.Add(clock.Elapsed);
                    held?.Release();
                }

                usage = reply.Usage ?? usage;
            }

            return new HandoverTiming(
                at[0].TotalMilliseconds, (at[1] - at[0]).TotalMilliseconds, links.Sum(link => link.ByteCount) - before, usage?.KvBytesDirect > 0 ? 1 : 0);
        }
        finally
        {
            held?.Release();
        }
    }

    private SharedSpeed Speed() => new(options.BitsPerSecond, TimeProvider.System);

    private ClusterOptions Cluster(string kvSpec) => new() { ModelFolder = options.ModelFolder, KvSpec = kvSpec };

    /// <summary>Any spread of ids does; no two prompts begin alike.</summary>
    private int[] Prompt(int tokenCount) => [.. Enumerable.Range(0, tokenCount).Select(_ => _random.Next(256, 4096))];

    private static HandoverTiming Median(List<HandoverTiming> timings) => new(
        Middle(timings.Select(timing => timing.FirstTokenMs)),
        Middle(timings.Select(timing => timing.HandoverMs)),
        (long)Middle(timings.Select(timing => (double)timing.LinkBytes)),
        0);

    private static double Middle(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
