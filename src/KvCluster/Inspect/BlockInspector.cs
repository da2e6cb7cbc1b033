using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;

namespace KvCluster.CommandLine.Inspect;

/// <summary>Fetches one Block from the KvStore of a running cluster and explains its slabs.</summary>
internal static class BlockInspector
{
    public static async Task<int> RunAsync(BlockId id, string server, string? saveFolder, CancellationToken cancellationToken)
    {
        await using Connection connection = await Connection.OpenAsync(server, new ClusterOptions { ModelFolder = "" }, cancellationToken);
        V1.ListWorkersReply workers = await connection.Cluster.ListWorkersAsync(new V1.ListWorkersRequest(), cancellationToken: cancellationToken);
        bool found = false;
        bool damaged = false;
        foreach (V1.WorkerStatus shard in workers.Workers.Where(worker => worker.Worker.Role is V1.WorkerRole.Kvstore))
        {
            using GrpcChannel channel = GrpcChannels.Create(shard.Worker.Address);
            var request = new V1.GetRequest { BlockIds = { BlockIds.ToByteString(id) }, RequestId = "inspect" };
            using AsyncServerStreamingCall<SlabFrame> call = new V1.KvStore.KvStoreClient(channel).Get(request, cancellationToken: cancellationToken);
            await foreach (SlabFrame frame in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                using (frame)
                {
                    using SlabLease? slab = frame.TakeSlab();
                    if (slab is null)
                    {
                        continue;
                    }

                    Console.WriteLine($"layer {frame.Layer + 1} of {frame.LayerCount}, on shard {shard.Worker.WorkerId}");
                    damaged |= SlabDescription.Write(Console.Out, slab.Span) is not SlabError.None;
                    Console.WriteLine();
                    found = true;
                    await SaveAsync(saveFolder, id, frame.Layer, slab.Memory, cancellationToken);
                }
            }
        }

        if (!found)
        {
            await Console.Error.WriteLineAsync($"kvcluster: no KvStore shard of {server} holds block {id}");
        }

        return found && !damaged ? ExitCode.Done : ExitCode.Failed;
    }

    private static async Task SaveAsync(string? folder, BlockId id, int layer, ReadOnlyMemory<byte> slab, CancellationToken cancellationToken)
    {
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{id}-{layer}.slab"), slab, cancellationToken);
        }
    }
}
