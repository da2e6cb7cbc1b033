using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>The model that ships with the repository, opened once for all tests.</summary>
internal static class DemoModel
{
    private static readonly Lazy<ModelFolder> Opened = new(() => ModelFolder.Open(System.IO.Path.Combine(RepositoryFolder(), "models", "demo", "model")));

    public static ModelFolder Folder => Opened.Value;

    public static string GoldenPath => System.IO.Path.Combine(RepositoryFolder(), "models", "demo", "golden.json");

    public static CpuModelRunner Load(string spec, ComputePool? pool = null) =>
        CpuModelRunner.Load(Folder, CodecRegistry.Create(spec, ModelKvGeometry.Of(Folder.Config)), pool ?? ComputePool.Shared);

    private static string RepositoryFolder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "KvCluster.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside the repository.");
    }
}
