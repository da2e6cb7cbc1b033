using KvCluster.CommandLine.Serve;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.CommandLine.Eval;

/// <summary>The model under evaluation, open in this process beside the clusters that serve it.</summary>
internal sealed class EvalModel : IDisposable
{
    private readonly ModelFolder _folder;
    private readonly string _backend;

    private EvalModel(ModelFolder folder, string backend)
    {
        _folder = folder;
        _backend = backend;
    }

    public string Name => _folder.Name;

    public ulong Fingerprint => _folder.Fingerprint;

    public ModelConfig Config => _folder.Config;

    public KvGeometry Geometry => ModelKvGeometry.Of(_folder.Config);

    public ProfileFolder Profiles => new(_folder.Path, _folder.Fingerprint, Geometry);

    /// <exception cref="ModelLoadException">The folder can't be used.</exception>
    public static EvalModel Open(string path, string backend = Terminal.BackendOption.Default) => new(ModelFolder.Open(path), backend);

    /// <exception cref="CodecSpecException">The spec can't be used with this model.</exception>
    /// <exception cref="ModelLoadException">Its Profile is of another model, or broken.</exception>
    public KvCodec Codec(string spec) => CodecRegistry.Create(spec, Geometry, Profiles);

    public CpuModelRunner Runner(KvCodec codec) => CpuModelRunner.Load(_folder, codec);

    public int[] Tokens(string text) => _folder.Tokenizer.Encode(text);

    /// <summary>Options of a cluster that serves the model: every prompt's KV goes through slabs and store, none is prefilled by its decode worker.</summary>
    public ClusterOptions Cluster(string spec) => new() { ModelFolder = _folder.Path, KvSpec = spec, Backend = _backend, LocalPrefillMaxTokens = 0 };

    public void Dispose() => _folder.Dispose();
}
