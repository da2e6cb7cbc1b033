using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.CommandLine.Serve;

/// <summary>Waits for a Gateway whose pools are staffed.</summary>
internal static class GatewayReadiness
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(25);

    /// <exception cref="HostStartException">Not ready within <paramref name="patience"/>.</exception>
    public static async Task WaitAsync(string httpAddress, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = new Uri(httpAddress) };
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(patience);
        using var timer = new PeriodicTimer(PollInterval);
        try
        {
            do
            {
                using HttpResponseMessage response = await client.GetAsync(new Uri("/readyz", UriKind.Relative), timeout.Token);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            while (await timer.WaitForNextTickAsync(timeout.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HostStartException($"the cluster at {httpAddress} was not ready within {patience.TotalSeconds:0} s: see {httpAddress}/readyz");
        }
    }
}
