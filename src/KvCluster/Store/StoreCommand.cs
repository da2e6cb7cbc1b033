using System.CommandLine;
using Google.Protobuf;
using KvCluster.CommandLine.Terminal;
using KvCluster.KvStore.Disk.Inspection;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store</c>.</summary>
internal static class StoreCommand
{
    /// <summary>Holds the keys of sealed blocks, as for a KvStore.</summary>
    public const string KeysVariable = "KVCLUSTER_EncryptionKeys";

    private const string About = """
        Looks into the data folder of a KvStore that is not running, or into a shard that is; replays a trace of requests
        without either; or makes a shard write what its memory holds, or keep Blocks for some time. Sealed blocks are read with the keys in KVCLUSTER_EncryptionKeys.

        Examples:
          kvcluster store stat /var/lib/kvcluster      segments, blocks and bytes
          kvcluster store verify /var/lib/kvcluster    reads every block; exit code 1 when something is damaged
          kvcluster store stat http://127.0.0.1:8083   the counters of a running shard
          kvcluster store get /var/lib/kvcluster 5d1f0c6ab7e2f8430a9c1d2e3f405162 --save slabs/
          kvcluster store drain http://127.0.0.1:8083  before a shard goes: memory to disk and Redis
          kvcluster store pin http://127.0.0.1:8083 5d1f0c6ab7e2f8430a9c1d2e3f405162 --for 8h
          kvcluster store replay --generate mix        how much a memory budget, an eviction policy and a codec find again
        """;

    public static Command Create() => new("store", About)
    {
        Verb("stat", "Segments, blocks and bytes", verifies: false),
        Verb("verify", "Reads and verifies every block", verifies: true),
        GetCommand.Create(),
        DrainCommand.Create(),
        PinCommand.Create(),
        PinCommand.CreateUnpin(),
        ReplayCommand.Create(),
    };

    private static Command Verb(string name, string about, bool verifies)
    {
        Argument<string> place = new(verifies ? "DIR" : "DIR|ADDRESS") { Description = verifies ? "The data folder" : "The data folder, or a shard's gRPC address" };
        var command = new Command(name, about) { place };
        command.SetAction((parsed, cancellationToken) =>
        {
            string where = parsed.GetRequiredValue(place);
            return verifies || !Shard.IsAddress(where) ? Task.FromResult(Run(where, verifies)) : StatAsync(where, cancellationToken);
        });
        return command;
    }

    private static async Task<int> StatAsync(string address, CancellationToken cancellationToken)
    {
        using var shard = new Shard(address);
        V1.StatReply stat = await shard.Client.StatAsync(new V1.StatRequest(), cancellationToken: cancellationToken);
        Console.WriteLine(new JsonFormatter(JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithIndentation()).Format(stat));
        return ExitCode.Done;
    }

    private static int Run(string folder, bool verifies)
    {
        int segmentCount = 0;
        int blockCount = 0;
        int problemCount = 0;
        long sizeBytes = 0;
        foreach (SegmentReport segment in FolderInspector.Inspect(folder, verifies, Environment.GetEnvironmentVariable(KeysVariable) ?? ""))
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
