using System.CommandLine;
using KvCluster.CommandLine.Terminal;
using KvCluster.KvStore.Disk.Inspection;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store</c>.</summary>
internal static class StoreCommand
{
    private const string About = """
        Looks into the data folder of a KvStore that is not running, and changes nothing; or replays a trace of requests without one.

        Examples:
          kvcluster store stat /var/lib/kvcluster      segments, blocks and bytes
          kvcluster store verify /var/lib/kvcluster    reads every block; exit code 1 when something is damaged
          kvcluster store replay --generate mix        how much a memory budget, an eviction policy and a codec find again
        """;

    public static Command Create() => new("store", About)
    {
        Verb("stat", "Segments, blocks and bytes", verifies: false),
        Verb("verify", "Reads and verifies every block", verifies: true),
        ReplayCommand.Create(),
    };

    private static Command Verb(string name, string about, bool verifies)
    {
        Argument<string> folder = new("DIR") { Description = "The data folder" };
        var command = new Command(name, about) { folder };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(folder), verifies));
        return command;
    }

    private static int Run(string folder, bool verifies)
    {
        int segmentCount = 0;
        int blockCount = 0;
        int problemCount = 0;
        long sizeBytes = 0;
        foreach (SegmentReport segment in FolderInspector.Inspect(folder, verifies))
        {
            segmentCount++;
            blockCount += segment.BlockCount;
            problemCount += segment.Problems.Count;
            sizeBytes += segment.SizeBytes;
            string state = segment.IsSealed ? "sealed" : "open";
            Console.WriteLine(
                $"{segment.FileName}  {state,-6}  {segment.BlockCount,8:N0} blocks  {segment.SizeBytes / 1e6,10:N1} MB  {segment.DroppedCount:N0} dropped");
            foreach (string problem in segment.Problems)
            {
                Console.WriteLine($"  {problem}");
            }
        }

        string verdict = !verifies ? "" : problemCount == 0 ? ", every block is sound" : $", {problemCount:N0} problems";
        Console.WriteLine($"{segmentCount:N0} segments, {blockCount:N0} blocks, {sizeBytes / 1e6:N1} MB{verdict}");
        return verifies && problemCount > 0 ? ExitCode.Failed : ExitCode.Done;
    }
}
