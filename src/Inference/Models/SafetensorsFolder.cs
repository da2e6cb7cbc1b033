using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>The weights of a model: one model.safetensors, or the shards of model.safetensors.index.json.</summary>
public sealed class SafetensorsFolder : IDisposable
{
    private const string SingleName = "model.safetensors";
    private const string IndexName = "model.safetensors.index.json";

    private readonly Dictionary<string, SafetensorsFile> _fileOfTensor = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private SafetensorsFolder(string path)
    {
        Path = path;
    }

    public string Path { get; }

    /// <summary>Ordered by file name.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    public IReadOnlyCollection<string> TensorNames => _fileOfTensor.Keys;

    /// <exception cref="ModelLoadException">No weights, a shard or an indexed tensor is missing, or a file is broken.</exception>
    public static SafetensorsFolder Open(string path)
    {
        var folder = new SafetensorsFolder(path);
        try
        {
            var indexPath = System.IO.Path.Combine(path, IndexName);
            var singlePath = System.IO.Path.Combine(path, SingleName);
            if (File.Exists(indexPath))
            {
                folder.OpenShards(indexPath);
            }
            else if (File.Exists(singlePath))
            {
                folder.Add(SafetensorsFile.Open(singlePath));
            }
            else
            {
                throw new ModelLoadException($"{path}: holds neither {SingleName} nor {IndexName}; give a Hugging Face folder with safetensors weights.");
            }

            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <exception cref="ModelLoadException">There is no such tensor, or its type is not BF16, F16 or F32.</exception>
    public TensorView GetTensor(string name) => TryGetTensor(name, out var tensor)
        ? tensor
        : throw new ModelLoadException($"{Path}: tensor '{name}' is missing; the weights do not fit config.json.");

    /// <inheritdoc cref="GetTensor"/>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out TensorView? tensor)
    {
        tensor = null;
        return _fileOfTensor.TryGetValue(name, out var file) && file.TryGetTensor(name, out tensor);
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void OpenShards(string indexPath)
    {
        var shardOfTensor = ReadIndex(indexPath);
        foreach (var shard in shardOfTensor.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var shardPath = System.IO.Path.Combine(Path, shard);
            if (!File.Exists(shardPath))
            {
                throw new ModelLoadException($"{shardPath}: the shard is named by {IndexName} but missing; download it.");
            }

            Add(SafetensorsFile.Open(shardPath));
        }

        foreach (var (tensor, shard) in shardOfTensor)
        {
            if (!_fileOfTensor.TryGetValue(tensor, out var file) || System.IO.Path.GetFileName(file.Path) != shard)
            {
                throw new ModelLoadException(
                    $"{System.IO.Path.Combine(Path, shard)}: tensor '{tensor}' is named by {IndexName} but not in this shard; download both again.");
            }
        }
    }

    private static Dictionary<string, string> ReadIndex(string indexPath)
    {
        using var document = JsonFile.Parse(JsonFile.ReadBytes(indexPath), indexPath);
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!document.RootElement.TryGetProperty("weight_map", out var weights) || weights.ValueKind != JsonValueKind.Object)
        {
            throw new ModelLoadException($"{indexPath}: weight_map is missing; download the file again.");
        }

        foreach (var property in weights.EnumerateObject())
        {
            var shard = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : "";

            // A shard is a plain file name: an index must not lead out of the model's folder.
            if (shard.Length == 0 || shard != System.IO.Path.GetFileName(shard))
            {
                throw new ModelLoadException($"{indexPath}: weight_map names no plain file for tensor '{property.Name}'; download the file again.");
            }

            map[property.Name] = shard;
        }

        return map;
    }

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (var name in file.TensorNames)
        {
            if (!_fileOfTensor.TryAdd(name, file))
            {
                throw new ModelLoadException($"{file.Path}: tensor '{name}' is also in {_fileOfTensor[name].Path}; remove one of them.");
            }
        }
    }
}
