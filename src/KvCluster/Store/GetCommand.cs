using System.CommandLine;
using Grpc.Core;
using KvCluster.CommandLine.Inspect;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk.Inspection;
using KvCluster.Protocol;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store get</c>.</summary>
internal static class GetCommand
{
    private const string About = """
        Explains the slabs of one block in a data folder that no store uses, or in a running shard, and saves them, one file a layer.
        Exit code 1 when it is not there or damaged.

        Examples:
          kvcluster store get /var/lib/kvcluster 5d1f0c6ab7e2f8430a9c1d2e3f405162
          kvcluster store get http://127.0.0.1:8083 5d1f0c6ab7e2f8430a9c1d2e3f405162 --save slabs/
        """;

    public static Command Create()
    {
        Argument<string> place = new("DIR|ADDRESS") { Description = "The data folder, or a shard's gRPC address" };
        Argument<string> block = new("BLOCKID") { Description = "32 hexadecimal digits" };
        Option<string?> save = new("--save") { HelpName = "DIR", Description = "Saves the slabs, one file a layer" };
        var command = new Command("get", About) { place, block, save };
        command.SetAction((parsed, cancellationToken) =>
        {
            string text = parsed.GetRequiredValue(block);
            string where = parsed.GetRequiredValue(place);
            BlockId id = ParseId(text);
            return Shard.IsAddress(where)
                ? GetFromShardAsync(where, id, parsed.GetValue(save), cancellationToken)
                : GetFromFolderAsync(where, id, parsed.GetValue(save), cancellationToken);
        });
        return command;
    }

    /// <exception cref="BadArgumentException">It is none.</exception>
    public static BlockId ParseId(string text) => BlockId.TryParse(text, out BlockId id)
        ? id
        : throw new BadArgumentException($"'{text}' is not a BlockId (32 hexadecimal digits)");

    private static async Task<int> GetFromFolderAsync(string folder, BlockId id, string? saveFolder, CancellationToken cancellationToken)
    {
        FoundBlock? found = FolderInspector.Find(folder, id, Environment.GetEnvironmentVariable(StoreCommand.KeysVariable) ?? "");
        if (found is null)
        {
            await Console.Error.WriteLineAsync($"kvcluster: {folder} does not hold block {id}");
            return ExitCode.Failed;
        }

        Console.WriteLine($"{found.FileName}, byte {found.Offset}: {found.LengthBytes:N0} bytes, {found.Slabs.Count} layers\n");
        if (found.Problem is { } problem)
        {
            await Console.Error.WriteLineAsync($"kvcluster: block {id} can't be read: {problem}");
            return ExitCode.Failed;
        }

        bool isSound = true;
        for (int layer = 0; layer < found.Slabs.Count; layer++)
        {
            isSound &= await ExplainAsync(id, layer, found.Slabs.Count, found.Slabs[layer], saveFolder, cancellationToken);
        }

        return isSound ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task<int> GetFromShardAsync(string address, BlockId id, string? saveFolder, CancellationToken cancellationToken)
    {
        using var shard = new Shard(address);
        var request = new V1.GetRequest { BlockIds = { BlockIds.ToByteString(id) }, RequestId = "kvcluster store get" };
        using AsyncServerStreamingCall<SlabFrame> call = shard.Client.Get(request, cancellationToken: cancellationToken);
        bool isSound = true;
        int slabCount = 0;
        await foreach (SlabFrame frame in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            using (frame)
            {
                using SlabLease? slab = frame.TakeSlab();
                if (slab is null)
                {
                    await Console.Error.WriteLineAsync($"kvcluster: {address} says of block {id}: {frame.Status}");
                    return ExitCode.Failed;
                }

                slabCount++;
                isSound &= await ExplainAsync(id, frame.Layer, frame.LayerCount, slab.Memory, saveFolder, cancellationToken);
            }
        }

        return isSound && slabCount > 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task<bool> ExplainAsync(
        BlockId id, int layer, int layerCount, ReadOnlyMemory<byte> slab, string? saveFolder, CancellationToken cancellationToken)
    {
        Console.WriteLine($"layer {layer + 1} of {layerCount}");
        bool isSound = SlabDescription.Write(Console.Out, slab.Span) is SlabError.None;
        Console.WriteLine();
        if (saveFolder is not null)
        {
            Directory.CreateDirectory(saveFolder);
            await File.WriteAllBytesAsync(Path.Combine(saveFolder, $"{id}-{layer}.slab"), slab, cancellationToken);
        }

        return isSound;
    }
}
