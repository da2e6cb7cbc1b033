using System.Net;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>Where others reach a host that was not told its address.</summary>
internal static class AdvertisedAddress
{
    /// <param name="configured">Wins unless it is empty.</param>
    /// <param name="listening">Where the host listens.</param>
    public static string Choose(string configured, string listening)
    {
        if (configured.Length > 0 || !Uri.TryCreate(listening, UriKind.Absolute, out Uri? uri))
        {
            return configured.Length > 0 ? configured : listening;
        }

        bool isAnyAddress = IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? address)
            && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
        return isAnyAddress ? $"{uri.Scheme}://{Dns.GetHostName()}:{uri.Port}" : listening.TrimEnd('/');
    }
}
