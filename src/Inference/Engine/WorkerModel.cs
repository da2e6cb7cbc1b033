using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Engine;

/// <summary>The model that a worker serves: its folder, the codec of its KV and what runs it.</summary>
public sealed class WorkerModel : IDisposable
{
    private readonly ModelFolder _folder;

    private WorkerModel(string name, ModelFolder folder, IModelRunner runner)
    {
        Name = name;
        _folder = folder;
        Runner = runner;
        Footprint = new KvFootprint(runner.Codec, runner.AttendsDecoded, runner.Pages);
    }

    /// <summary>Backends that <see cref="Load"/> knows.</summary>
    public static IReadOnlyList<string> Backends { get; } = ["cpu", "cuda"];

    public string Name { get; }

    public IModelRunner Runner { get; }

    public KvCodec Codec => Runner.Codec;

    public ulong Fingerprint => Runner.ModelFingerprint;

    public KvFootprint Footprint { get; }

    /// <summary>Channels of all query heads.</summary>
    public int QueryWidth => Runner.Config.HeadCount * Runner.Config.HeadSize;

    public int MaxContextTokens => Runner.Config.MaxPositionCount;

    /// <param name="folder">Hugging Face folder.</param>
    /// <param name="name">What clients call it; null or empty: <see cref="ModelName.Of"/> the folder.</param>
    /// <param name="kvSpec">Codec of its KV blocks.</param>
    /// <param name="backend">One of <see cref="Backends"/>.</param>
    /// <param name="synthetic">
    /// With <c>cuda</c>: random weights of this shape, e.g. <c>llama3-8b</c>, in place of the folder's, which then lends only its name and tokenizer. Null or empty: none.
    /// </param>
    /// <param name="device">Of a GPU; null: <see cref="DeviceOptions.Default"/>.</param>
    /// <exception cref="ModelLoadException">The folder can't be used, or there is no usable GPU; the message is one line.</exception>
    /// <exception cref="CodecSpecException">The spec can't be used.</exception>
    public static WorkerModel Load(string folder, string? name, string kvSpec, string backend, string? synthetic = null, DeviceOptions? device = null)
    {
        if (!Backends.Contains(backend))
        {
            throw new ModelLoadException($"There is no backend '{backend}'; use one of: {string.Join(", ", Backends)}.");
        }

        bool isSynthetic = !string.IsNullOrEmpty(synthetic);
        if (isSynthetic && backend != "cuda")
        {
            throw new ModelLoadException($"Random weights ('{synthetic}') are made on a GPU; use the backend cuda.");
        }

        var opened = ModelFolder.Open(folder);
        try
        {
            CudaModelSource source = isSynthetic ? CudaModelSource.Synthetic(synthetic!) : CudaModelSource.Of(opened);
            KvGeometry geometry = ModelKvGeometry.Of(source.Config);
            var codec = CodecRegistry.Create(kvSpec, geometry, new ProfileFolder(opened.Path, source.Fingerprint, geometry));
            IModelRunner runner = backend == "cuda" ? CudaModelRunner.Load(source, codec, device) : CpuModelRunner.Load(opened, codec);
            return new WorkerModel(string.IsNullOrEmpty(name) ? ModelName.Of(folder) : name, opened, runner);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>A model that something else runs than <see cref="Backends"/> do.</summary>
    /// <param name="name">What clients call it.</param>
    /// <param name="folder">Disposed with this.</param>
    /// <param name="runner">Likewise.</param>
    public static WorkerModel Of(string name, ModelFolder folder, IModelRunner runner) => new(name, folder, runner);

    /// <summary>An empty cache for a Sequence.</summary>
    /// <param name="root">Parent of the first Block.</param>
    /// <param name="writerEpoch">Epoch of this Worker.</param>
    public SequenceCache CreateCache(BlockId root, ulong writerEpoch) =>
        new(Codec, root, Fingerprint, writerEpoch, SlabPool.Shared, QueryWidth);

    /// <summary>Collects Blocks of a Sequence that is admitted, and brings them to the device, if there is one, as they come.</summary>
    public BlockIntake CreateIntake(SequenceBlocks blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        return new BlockIntake(Codec, Fingerprint, blocks, QueryWidth, Runner.BeginUpload(blocks.BlockIds.Length));
    }

    public void Dispose()
    {
        Runner.Dispose();
        _folder.Dispose();
    }
}
