using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;

namespace KvCluster.Workers.Tests;

/// <summary>The demo model, and token sequences for it.</summary>
internal static class TestModel
{
    public static string Folder { get; } = Path.Combine(RepositoryFolder(), "models", "demo", "model");

    /// <summary>The same tokens for the same seed; ordinary text tokens, no end tokens.</summary>
    public static int[] Prompt(int seed, int tokenCount)
    {
        var tokens = new int[tokenCount];
        var state = (uint)seed * 2654435761u;
        for (var i = 0; i < tokenCount; i++)
        {
            state = (state * 1664525) + 1013904223;
            tokens[i] = 300 + (int)((state >> 8) % 3000);
        }

        return tokens;
    }

    public static SequenceBlocks Blocks(WorkerModel model, int[] tokenIds, string tenant = "") =>
        new(BlockIdChain.Root(tenant, model.Fingerprint, model.Codec.Fingerprint), tokenIds, hasTail: true);

    private static string RepositoryFolder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KvCluster.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside the repository.");
    }
}
