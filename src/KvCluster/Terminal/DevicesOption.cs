using System.CommandLine;
using System.Globalization;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--devices LIST</c>: a GPU for each worker.</summary>
internal static class DevicesOption
{
    public static Option<string?> Create() => new("--devices")
    {
        HelpName = "LIST",
        Description = "With cuda: a GPU for each worker, prefill's first, each in a process of its own, e.g. 0,1 (default: all in this process, on the first GPU)",
    };

    /// <exception cref="BadArgumentException">Not a list of so many GPUs.</exception>
    public static IReadOnlyList<int> Of(string? list, string backend, int workerCount)
    {
        if (list is null)
        {
            return [];
        }

        if (backend != "cuda")
        {
            throw new BadArgumentException("--devices: workers compute on the CPU; add --backend cuda");
        }

        int[] devices = [.. list.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int device) ? device : -1)];
        return devices.Contains(-1)
            ? throw new BadArgumentException($"--devices: '{list}' is not a list of numbers like 0,1")
            : devices.Length == workerCount
                ? devices
                : throw new BadArgumentException($"--devices: names {devices.Length} for {workerCount} workers; name one for each, prefill's first");
    }
}
