using System.CommandLine;
using Grpc.Core;
using KvCluster.CommandLine.Terminal;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store drain</c>.</summary>
internal static class DrainCommand
{
    private const string About = """
        Makes a running shard write what its memory holds to its disk and to Redis, before it goes for good. It serves on meanwhile.
        Exit code 1 when blocks could not be written.

        Examples:
          kvcluster store drain http://127.0.0.1:8083
        """;

    public static Command Create()
    {
        Argument<string> address = new("ADDRESS") { Description = "The shard's gRPC address" };
        var command = new Command("drain", About) { address };
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetRequiredValue(address), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string address, CancellationToken cancellationToken)
    {
        using var shard = new Shard(address);
        using AsyncServerStreamingCall<V1.DrainReply> call = shard.Client.Drain(new V1.DrainRequest(), cancellationToken: cancellationToken);
        long missingCount = 0;
        await foreach (V1.DrainReply reply in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            string end = !reply.IsDone ? "" : reply.MissingBlockCount == 0 ? ": done" : $": done, {reply.MissingBlockCount:N0} could not be written";
            Console.WriteLine($"{reply.Tier,-5}  {reply.SeenBlockCount,10:N0} of {reply.BlockCount:N0} blocks, {reply.QueuedBlockCount:N0} were not there{end}");
            missingCount += reply.MissingBlockCount;
        }

        return missingCount == 0 ? ExitCode.Done : ExitCode.Failed;
    }
}
