using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>The model that ships with the repository, opened once for all tests.</summary>
internal static class DemoModel
{
    private static readonly Lazy<CpuModelSource> Opened = new(Open);

    public static CpuModelSource Source => Opened.Value;

    public static string GoldenPath => System.IO.Path.Combine(RepositoryFolder(), "models", "demo", "golden.json");

    public static CpuModelRunner Load(string spec, ComputePool? pool = null) =>
        CpuModelRunner.Load(Source, Codec(spec), pool ?? ComputePool.Shared);

    /// <summary>With the Profiles that ship beside the model.</summary>
    public static KvCodec Codec(string spec)
    {
        KvGeometry geometry = ModelKvGeometry.Of(Source.Config);
        return CodecRegistry.Create(spec, geometry, new ProfileFolder(Source.Path, Source.Fingerprint, geometry));
    }

    private static CpuModelSource Open()
    {
        string path = System.IO.Path.Combine(RepositoryFolder(), "models", "demo", "model");
        string configPath = System.IO.Path.Combine(path, "config.json");
        byte[] configJson = File.ReadAllBytes(configPath);
        var defaults = GenerationDefaults.Read(System.IO.Path.Combine(path, "generation_config.json"));
        SafetensorsFolder tensors = SafetensorsFolder.Open(path);
        return new CpuModelSource(
            path, ModelConfigReader.Read(configJson, configPath, defaults), tensors, ModelFingerprint.Compute(configJson, tensors));
    }

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
