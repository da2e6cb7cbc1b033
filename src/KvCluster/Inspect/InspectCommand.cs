using System.CommandLine;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;

namespace KvCluster.CommandLine.Inspect;

/// <summary><c>kvcluster inspect</c>.</summary>
internal static class InspectCommand
{
    private const string About = """
        Explains a slab file, or a Block that a running cluster holds: header, checksums, sizes.
        Exit code 1 when a slab is damaged.

        Examples:
          kvcluster inspect block.slab
          kvcluster inspect 5d1f0c6ab7e2f8430a9c1d2e3f405162 --server http://127.0.0.1:8081
          kvcluster inspect 5d1f0c6ab7e2f8430a9c1d2e3f405162 --server http://127.0.0.1:8081 --save slabs/
        """;

    public static Command Create()
    {
        Argument<string> what = new("FILE|BLOCKID") { Description = "A file of one slab, or the 32 hexadecimal digits of a BlockId" };
        Option<string?> server = ServerOption.Create();
        server.Description = "gRPC address of a running Gateway, for a BlockId (default: http://127.0.0.1:8081)";
        Option<string?> save = new("--save") { HelpName = "DIR", Description = "Saves a Block's slabs, one file a layer" };
        var command = new Command("inspect", About) { what, server, save };
        command.SetAction((parsed, cancellationToken) =>
        {
            string subject = parsed.GetRequiredValue(what);
            if (File.Exists(subject))
            {
                return InspectFileAsync(subject, cancellationToken);
            }

            return BlockId.TryParse(subject, out BlockId id)
                ? BlockInspector.RunAsync(id, parsed.GetValue(server) ?? "http://127.0.0.1:8081", parsed.GetValue(save), cancellationToken)
                : throw new BadArgumentException($"'{subject}' is neither a file nor a BlockId (32 hexadecimal digits)");
        });
        return command;
    }

    private static async Task<int> InspectFileAsync(string path, CancellationToken cancellationToken)
    {
        byte[] bytes = await File.ReadAllBytesAsync(path, cancellationToken);
        SlabError error = SlabDescription.Write(Console.Out, bytes);
        return error is SlabError.None ? ExitCode.Done : ExitCode.Failed;
    }
}
