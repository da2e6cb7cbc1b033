using KvCluster.Protocol.Streams;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>Where a host serves slab streams.</summary>
/// <param name="ListenAddress">Of its gRPC; slab streams are on the same addresses, and there are none on a Unix socket.</param>
/// <param name="SlabPort">Null: 10 over gRPC's, any free one when that is 0. -1: no slab streams.</param>
/// <param name="AdvertisedSlabPort">What clients are told where something lies between; 0: the port itself.</param>
/// <param name="SlabSocketFolder">Where a Unix socket with the same is made for clients on this machine; empty: none. There is none either where clients are told of
/// another port: whatever lies between is meant to be there.</param>
public sealed record SlabEndpoint(string ListenAddress, int? SlabPort, int AdvertisedSlabPort, string SlabSocketFolder)
{
    private const int PortOffset = 10;

    /// <summary>In the folder for what lasts while this user runs something, or that for temporary files.</summary>
    public static string DefaultSocketFolder { get; } = !LocalSlabSocket.IsSupported ? "" : Path.Combine(
        Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } folder && Directory.Exists(folder) ? folder : Path.GetTempPath(),
        $"kvcluster-{LocalSlabSocket.UserId}");

    /// <summary>With defaults filled in: -1 none, 0 any free one.</summary>
    public int Port => SlabPort ?? (Hosting.ListenAddress.Parse(ListenAddress).Port is > 0 and var port ? Math.Min(port + PortOffset, ushort.MaxValue) : 0);

    /// <summary>What is wrong with the settings of these names, one line each.</summary>
    public IEnumerable<string> Validate()
    {
        if (SlabPort is < -1 or > ushort.MaxValue)
        {
            yield return $"{nameof(SlabPort)} must be -1 (none), 0 (any free one) or a port, not {SlabPort}";
        }

        if (AdvertisedSlabPort is < 0 or > ushort.MaxValue)
        {
            yield return $"{nameof(AdvertisedSlabPort)} must be 0 (the same) or a port, not {AdvertisedSlabPort}";
        }
    }
}
