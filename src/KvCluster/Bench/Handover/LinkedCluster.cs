using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>A cluster with one worker of each pool, and a link of given speed at every worker and the store; or none.</summary>
internal sealed class LinkedCluster : IAsyncDisposable
{
    private readonly SharedSpeed[] _speeds = [];
    private readonly ShapedLink? _decodeLink;
    private readonly HandOffMode _handOff;
    private EmbeddedCluster? _cluster;

    private LinkedCluster(HandOffMode handOff) => _handOff = handOff;

    private LinkedCluster(double bitsPerSecond, int storePort, int decodePort, HandOffMode handOff)
        : this(handOff)
    {
        // What leaves the prefill worker shares its interface: the slabs for the decode worker and those for the store behind.
        _speeds = [.. Enumerable.Range(0, 3).Select(_ => new SharedSpeed(bitsPerSecond, TimeProvider.System))];
        StoreLink = new ShapedLink(storePort, _speeds[0], _speeds[1]);
        _decodeLink = new ShapedLink(decodePort, _speeds[0], _speeds[2]);
    }

    public Connection Connection { get; private set; } = null!;

    /// <summary>Between workers and store.</summary>
    public ShapedLink? StoreLink { get; }

    /// <summary>Those that slabs pass.</summary>
    public IReadOnlyList<ShapedLink> UsedLinks => StoreLink is null ? [] : _handOff == HandOffMode.Store ? [StoreLink] : [StoreLink, _decodeLink!];

    /// <param name="options">Of the cluster; where slabs are served is filled in.</param>
    /// <param name="bitsPerSecond">Each way, of every link. Infinite: there are no links, and everybody speaks to everybody.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<LinkedCluster> StartAsync(ClusterOptions options, double bitsPerSecond, CancellationToken cancellationToken)
    {
        (int storePort, int decodePort) = (FreePort.Next(), FreePort.Next());
        LinkedCluster linked = double.IsFinite(bitsPerSecond) ? new(bitsPerSecond, storePort, decodePort, options.HandOff) : new(options.HandOff);
        try
        {
            ClusterOptions cluster = linked.StoreLink is null ? options : options with
            {
                StoreSlabPort = storePort,
                StoreAdvertisedSlabPort = linked.StoreLink.Port,
                DecodeSlabPort = decodePort,
                DecodeAdvertisedSlabPort = linked._decodeLink!.Port,
            };
            linked._cluster = await EmbeddedCluster.StartAsync(cluster, cancellationToken);
            linked.Connection = await Connection.OpenAsync(linked._cluster.GrpcAddress, cluster, cancellationToken);
            return linked;
        }
        catch
        {
            await linked.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on, each way, of every link.</summary>
    public void SetSpeed(double bitsPerSecond)
    {
        foreach (SharedSpeed speed in _speeds)
        {
            speed.Set(bitsPerSecond);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Connection is not null)
        {
            await Connection.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        foreach (ShapedLink? link in (ShapedLink?[])[_decodeLink, StoreLink])
        {
            await (link?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        foreach (SharedSpeed speed in _speeds)
        {
            speed.Dispose();
        }
    }
}
