using System.Net;
using System.Net.Sockets;
using KvCluster.CommandLine.Serve;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>A cluster with one worker of each pool, and a link of given speed at every worker and the store.</summary>
internal sealed class LinkedCluster : IAsyncDisposable
{
    private readonly SharedSpeed[] _speeds;
    private readonly ShapedLink _decodeLink;
    private readonly HandOffMode _handOff;
    private EmbeddedCluster? _cluster;

    private LinkedCluster(double bitsPerSecond, int storePort, int decodePort, HandOffMode handOff)
    {
        // What leaves the prefill worker shares its interface: the slabs for the decode worker and those for the store behind.
        _speeds = [.. Enumerable.Range(0, 3).Select(_ => new SharedSpeed(bitsPerSecond, TimeProvider.System))];
        StoreLink = new ShapedLink(storePort, _speeds[0], _speeds[1]);
        _decodeLink = new ShapedLink(decodePort, _speeds[0], _speeds[2]);
        _handOff = handOff;
    }

    public Connection Connection { get; private set; } = null!;

    /// <summary>Between workers and store.</summary>
    public ShapedLink StoreLink { get; }

    /// <summary>Those that slabs pass.</summary>
    public IReadOnlyList<ShapedLink> UsedLinks => _handOff == HandOffMode.Store ? [StoreLink] : [StoreLink, _decodeLink];

    /// <param name="options">Of the cluster; where slabs are served is filled in.</param>
    /// <param name="bitsPerSecond">Each way, of every link.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<LinkedCluster> StartAsync(ClusterOptions options, double bitsPerSecond, CancellationToken cancellationToken)
    {
        (int storePort, int decodePort) = (FreePort(), FreePort());
        var linked = new LinkedCluster(bitsPerSecond, storePort, decodePort, options.HandOff);
        try
        {
            ClusterOptions cluster = options with
            {
                StoreSlabPort = storePort,
                StoreAdvertisedSlabPort = linked.StoreLink.Port,
                DecodeSlabPort = decodePort,
                DecodeAdvertisedSlabPort = linked._decodeLink.Port,
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

        await _decodeLink.DisposeAsync();
        await StoreLink.DisposeAsync();
        foreach (SharedSpeed speed in _speeds)
        {
            speed.Dispose();
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
